"""Each destination gets what its profile says, from one study and one set of findings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from config.sending import Destination
from node.db.session import Database
from node.db.set_aside import set_aside
from node.db.tables import Instance
from tests.factories import four_view_study, stable_uid
from tests.working_node import WorkingNode, spoken, working_node

STUDY = stable_uid("a study")

# test_report.py runs the same statements on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

Installation = Callable[..., WorkingNode]


def images(**common: Any) -> Any:
    return four_view_study(study_instance_uid=STUDY, **common)


def to(profile: str = "standard") -> Destination:
    return Destination(ae_title=profile.upper(), host="127.0.0.1", port=104, profile=profile)


@pytest.fixture
def installation(database: Database, tmp_path: Path) -> Installation:
    """Make a node of these destinations and profiles."""

    def make(destinations: dict[str, Destination], **profiles: Any) -> WorkingNode:
        return working_node(
            tmp_path / "storage", database, destinations=destinations, profiles=profiles
        )

    return make


def got(node: WorkingNode, destination: str) -> list[Any]:
    """The objects that are due at a destination, in the order in which they were made."""
    rows = {row.id: row for row in node.results()}
    return [
        node.result(rows[delivery.result_id])
        for delivery in node.deliveries()
        if delivery.destination == destination
    ]


def kinds(node: WorkingNode, destination: str, *, generation: int | None = None) -> list[str]:
    """Kinds of the results due at a destination, made in one generation or in any."""
    rows = {row.id: row for row in node.results(generation=generation)}
    return sorted(
        rows[delivery.result_id].kind
        for delivery in node.deliveries()
        if delivery.destination == destination and delivery.result_id in rows
    )


def put_aside_all(node: WorkingNode) -> None:
    """Let a person reject every image that came."""
    with node.database.begin() as session:
        for row in session.scalars(select(Instance)):
            set_aside(session, row, why="a trial", at=node.clock(), actor="a person")


def late_report(node: WorkingNode) -> None:
    """Let an image come late and the study be reported again."""
    node.report(node.complete([images()[3]]))


def test_destinations_of_other_profiles_get_other_objects(installation: Installation) -> None:
    node = installation(
        {"ward": to("ward"), "archive": to("archive")},
        ward={
            "objects": ["measurement_report"],
            "manufacturer": "Known To The Ward",
            "measurement_report": {"series_number": 77, "series_description": "Ward report"},
        },
        archive={"objects": ["measurement_report", "overlay"]},
    )

    node.report(node.complete(images()))

    (ward,) = got(node, "ward")
    archive = next(item for item in got(node, "archive") if item.Modality == "SR")
    assert (ward.SeriesNumber, archive.SeriesNumber) == (77, 9002)
    assert ward.SeriesDescription.startswith("Ward report")
    assert (ward.Manufacturer, archive.Manufacturer) == ("Known To The Ward", "mgnode")
    assert ward.SOPInstanceUID != archive.SOPInstanceUID
    assert ward.SeriesInstanceUID != archive.SeriesInstanceUID
    assert kinds(node, "archive") == ["measurement_report", *["overlay"] * 4]
    assert spoken(ward).count("Malignancy score") == spoken(archive).count("Malignancy score") == 4


def test_two_cad_srs_name_a_finding_as_each_workstation_knows_it(
    installation: Installation,
) -> None:
    node = installation(
        {"new": to("new"), "old": to("old")},
        new={"objects": ["cad_sr"], "cad_sr": {"finding_code": "lesion"}},
        old={"objects": ["cad_sr"], "cad_sr": {"finding_code": "density", "codes": "SRT"}},
    )

    node.report(node.complete(images()))

    (new,), (old,) = got(node, "new"), got(node, "old")
    values = [
        {str(element.value) for element in each.iterall() if element.keyword == "CodeValue"}
        for each in (new, old)
    ]
    assert "52988006" in values[0]
    assert "52988006" not in values[1]
    assert new.SOPInstanceUID != old.SOPInstanceUID


def test_destinations_that_want_the_same_share_one_file(installation: Installation) -> None:
    same = {"objects": ["measurement_report"]}
    node = installation({"one": to("one"), "two": to("two")}, one=same, two=same)

    node.report(node.complete(images()))

    (row,) = node.results()
    assert [delivery.destination for delivery in node.deliveries()] == ["one", "two"]
    assert {delivery.result_id for delivery in node.deliveries()} == {row.id}
    assert len(list(node.layout.results.rglob("*.dcm"))) == 1


def test_a_kind_of_another_form_does_not_part_the_kinds_that_are_alike(
    installation: Installation,
) -> None:
    node = installation(
        {"one": to("one"), "two": to("two")},
        one={"overlay": {"long_side": 512}},
        two={"overlay": {"long_side": 600}},
    )

    node.report(node.complete(images()))

    made = [row.kind for row in node.results()]
    counts = {kind: made.count(kind) for kind in made}
    assert counts == {"cad_sr": 1, "measurement_report": 1, "overlay": 8}


def test_a_study_without_a_box_is_not_sent_to_who_wants_findings(
    installation: Installation,
) -> None:
    node = installation({"ward": to("ward"), "archive": to()}, ward={"studies": "with_findings"})
    node.detector.boxes = ()

    node.report(node.complete(images()))

    assert got(node, "ward") == []
    assert kinds(node, "archive") == ["cad_sr", "measurement_report"]


def test_who_has_a_report_with_boxes_gets_its_successor_without(
    installation: Installation,
) -> None:
    """Silence would leave a box in the PACS that no report stands by any more."""
    node = installation({"ward": to("ward")}, ward={"studies": "with_findings"})
    node.report(node.complete(images()[:3]))
    first = node.report_of(1)
    put_aside_all(node)
    node.detector.boxes = ()

    late_report(node)

    second = node.report_of(2)
    assert first.SOPInstanceUID in str(second.PredecessorDocumentsSequence)
    assert "No region at or above the reporting threshold" in spoken(second)
    assert kinds(node, "ward", generation=2) == ["cad_sr", "measurement_report"]


def test_a_destination_that_is_added_later_gets_what_was_made_before(
    installation: Installation,
) -> None:
    node = installation({"one": to()})
    node.report(node.complete(images()[:3]))
    overlays = [row.sop_instance_uid for row in node.results() if row.kind == "overlay"]

    both = {"one": to().model_dump(), "two": to().model_dump()}
    later = node.with_settings(destinations=both)
    late_report(later)

    first = [item.SOPInstanceUID for item in got(later, "one")]
    second = [item.SOPInstanceUID for item in got(later, "two")]
    assert set(overlays) <= set(second), "the overlays of the first report are due there too"
    assert later.report_of(1).SOPInstanceUID not in second, "a report that is superseded is not"
    assert later.report_of(2).SOPInstanceUID in second
    assert len(first) == len(set(first)) == 8


def test_without_a_destination_the_standard_objects_are_made_and_kept(
    installation: Installation,
) -> None:
    node = installation({})

    node.report(node.complete(images()))

    standard = ["cad_sr", "measurement_report", *["overlay"] * 4]
    assert sorted(row.kind for row in node.results()) == standard
    assert node.deliveries() == []


@pytest.mark.parametrize("objects", [["cad_sr"], ["measurement_report"], ["summary_overlay"]])
def test_a_study_with_nothing_to_analyse_returns_that_in_each_kind_that_speaks_of_studies(
    installation: Installation, objects: list[str]
) -> None:
    node = installation({"ward": to("ward")}, ward={"objects": objects})

    node.report(node.complete(images(BodyPartExamined="PHANTOM")))

    assert kinds(node, "ward") == objects
