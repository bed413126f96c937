"""What a study's second analysis makes: a successor, a second opinion, or nothing new."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from config.sending import Destination
from models.spec import SPECS
from node.db.session import Database
from node.db.tables import Result
from tests.factories import four_view_study, stable_uid
from tests.report_tree import predecessors
from tests.rerunning import conclude, rerun, scripted
from tests.working_node import BOX, WorkingNode, spoken, working_node

STUDY = stable_uid("a study")
PROFILES = {
    "workstation": {"objects": ["cad_sr"]},
    "viewer": {"objects": ["measurement_report", "overlay"]},
}


def destination(profile: str) -> Destination:
    return Destination(ae_title="PACS", host="127.0.0.1", port=104, profile=profile)


DESTINATIONS = {"stations": destination("workstation"), "viewers": destination("viewer")}


def images() -> Any:
    return four_view_study(study_instance_uid=STUDY)[:2]


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    """A node that has reported a study to a workstation and a viewer."""
    node = working_node(
        tmp_path / "storage", database, destinations=DESTINATIONS, profiles=PROFILES
    )
    node.others = {"site-7": scripted("site-7")}
    node.report(node.complete(images()))
    return node


def again(node: WorkingNode, model: str = "") -> None:
    assert rerun(node, STUDY, model) == 2
    conclude(node, STUDY, 1, 2)


def reports(node: WorkingNode, generation: int) -> dict[str, Dataset]:
    """The reports of a generation, by kind."""
    rows = node.results(generation=generation)
    return {row.kind: node.result(row) for row in rows if row.source_instance_id is None}


def uids(rows: list[Result]) -> set[str]:
    return {row.sop_instance_uid for row in rows}


def test_the_same_model_with_the_same_settings_makes_and_sends_nothing(node: WorkingNode) -> None:
    before, due = uids(node.results()), len(node.deliveries())

    again(node)
    again(node)

    assert uids(node.results()) == before
    assert len(node.deliveries()) == due
    assert node.study(STUDY).generation == 3
    assert [event.details["results"] for event in node.events("study_reported")] == [4, 0, 0]


def test_each_report_of_the_same_model_supersedes_its_own_kind(node: WorkingNode) -> None:
    node.detector.boxes = (replace(BOX, score=0.9),)

    again(node)

    first, second = reports(node, 1), reports(node, 2)
    assert set(second) == {"cad_sr", "measurement_report"}
    for kind, report in second.items():
        assert predecessors(report) == [first[kind].SOPInstanceUID]
        assert report.SeriesInstanceUID == first[kind].SeriesInstanceUID
        assert "An earlier report" not in spoken(report)


def test_a_report_that_has_not_changed_is_not_superseded_by_the_change_of_another(
    node: WorkingNode,
) -> None:
    profiles = {**PROFILES, "viewer": {"objects": ["measurement_report", "overlay"]}}
    profiles["viewer"]["measurement_report"] = {"sop_class": "comprehensive3d"}
    changed = node.with_settings(profiles=profiles)

    again(changed)

    first, second = reports(node, 1), reports(node, 2)
    assert set(second) == {"measurement_report"}
    assert predecessors(second["measurement_report"]) == [
        first["measurement_report"].SOPInstanceUID
    ]
    assert second["measurement_report"].SOPClassUID != first["measurement_report"].SOPClassUID


def test_after_a_late_image_each_report_supersedes_its_own_kind_for_its_own_destination(
    node: WorkingNode,
) -> None:
    """The form of one has changed meanwhile; it supersedes what its destination has."""
    profiles = {**PROFILES, "workstation": {"objects": ["cad_sr"], "cad_sr": {"codes": "SRT"}}}
    changed = node.with_settings(profiles=profiles)
    late = four_view_study(study_instance_uid=STUDY)[2:3]

    changed.report(changed.complete(late))

    first, second = reports(node, 1), reports(node, 2)
    assert set(second) == {"cad_sr", "measurement_report"}
    for kind, report in second.items():
        assert predecessors(report) == [first[kind].SOPInstanceUID]
    got = {
        (row.kind, delivery.destination)
        for row in node.results(generation=2)
        for delivery in node.deliveries()
        if delivery.result_id == row.id
    }
    assert got == {
        ("cad_sr", "stations"),
        ("measurement_report", "viewers"),
        ("overlay", "viewers"),
    }


def test_a_change_back_supersedes_too(node: WorkingNode) -> None:
    """The first object is not the newest any more: it must not be taken for the answer."""
    once = node.detector.boxes
    node.detector.boxes = ()
    again(node)
    node.detector.boxes = once
    again(node)

    second, third = reports(node, 2), reports(node, 3)
    for kind in ("cad_sr", "measurement_report"):
        assert predecessors(third[kind]) == [second[kind].SOPInstanceUID]


def test_another_model_gives_series_of_its_own_that_name_it(node: WorkingNode) -> None:
    again(node, "site-7")

    one, other = node.results(generation=1), node.results(generation=2)
    series = {row.series_instance_uid for row in one}
    assert len(other) == len(one) == 4
    assert series.isdisjoint(row.series_instance_uid for row in other)
    assert {row.model for row in one} == {""}
    assert {row.model for row in other} == {"site-7"}
    for row in one:
        assert "(site-7)" not in node.result(row).SeriesDescription
    for row in other:
        assert " (site-7) " in node.result(row).SeriesDescription


def test_another_model_supersedes_nothing_and_names_the_earlier_report(node: WorkingNode) -> None:
    again(node, "site-7")

    first, second = reports(node, 1), reports(node, 2)
    model = f"{SPECS['reference'].title} scripted"
    for kind, report in second.items():
        uid = first[kind].SOPInstanceUID
        said = f"An earlier report by {model} exists and stays: SOP Instance UID {uid}"
        assert predecessors(report) == []
        assert said in spoken(report)
        assert "An earlier report" not in spoken(first[kind])


def test_each_models_next_report_supersedes_that_models_alone(node: WorkingNode) -> None:
    again(node, "site-7")
    node.others["site-7"].boxes = ()

    again(node, "site-7")
    node.detector.boxes = ()
    again(node)

    made = [reports(node, generation) for generation in (1, 2, 3, 4)]
    for kind in ("cad_sr", "measurement_report"):
        assert predecessors(made[2][kind]) == [made[1][kind].SOPInstanceUID]
        assert predecessors(made[3][kind]) == [made[0][kind].SOPInstanceUID]
        assert made[2][kind].SOPInstanceUID in spoken(made[3][kind])


def test_a_second_look_by_either_model_makes_nothing_new(node: WorkingNode) -> None:
    again(node, "site-7")
    before = uids(node.results())

    again(node, "site-7")
    again(node)

    assert uids(node.results()) == before


def test_a_report_whose_file_is_lost_is_made_anew_and_supersedes_it(node: WorkingNode) -> None:
    (row,) = [row for row in node.results() if row.kind == "measurement_report"]
    node.layout.absolute(row.path).unlink()

    again(node)

    (new,) = node.results(generation=2)
    assert new.kind == "measurement_report"
    assert predecessors(node.result(new)) == [row.sop_instance_uid]


def test_a_destination_that_is_new_gets_what_the_others_have(node: WorkingNode) -> None:
    before = uids(node.results())
    more = node.with_settings(destinations={**DESTINATIONS, "archive": destination("viewer")})

    again(more)

    assert uids(node.results()) == before
    got = {row.result_id for row in node.deliveries() if row.destination == "archive"}
    assert len(got) == 3, "the report and two overlays"


def test_two_forms_that_become_one_leave_no_destination_with_two_reports(
    database: Database, tmp_path: Path
) -> None:
    profiles = {
        "one": {"objects": ["measurement_report"]},
        "two": {"objects": ["measurement_report"], "character_set": "ISO_IR 192"},
    }
    destinations = {"first": destination("one"), "second": destination("two")}
    node = working_node(
        tmp_path / "storage", database, destinations=destinations, profiles=profiles
    )
    node.report(node.complete(images()))
    both = node.with_settings(destinations={**destinations, "second": destination("one")})

    again(both)

    (new,) = node.results(generation=2)
    assert set(predecessors(node.result(new))) == uids(node.results(generation=1))


def test_a_model_that_cannot_look_leaves_the_earlier_report_as_it_is(node: WorkingNode) -> None:
    node = node.with_settings(analysis={"max_attempts": 1})

    again(node, "gone")

    second = reports(node, 2)
    assert {row.model for row in node.results(generation=2)} == {"gone"}
    for report in second.values():
        assert predecessors(report) == []
        assert "An earlier report" in spoken(report)
        assert "ANALYSIS_FAILED" in spoken(report)
    assert "gone" in spoken(second["measurement_report"])
