"""Images of two patients or orders in one study: a stop, or results of each that never mix."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom import Dataset

from node.db.set_aside import set_aside
from node.db.tables import Instance
from node.states import StudyState
from tests.factories import make_mammogram, stable_uid
from tests.working_node import WorkingNode, spoken

# test_report.py runs the same statements on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

STUDY = stable_uid("a study")
ANNA = {"patient_id": "SECRET-A", "patient_name": "Secret^Anna"}
BERTA = {"patient_id": "SECRET-B", "patient_name": "Secret^Berta"}
DISPUTED = ["PatientID", "PatientName group 1"]


def image(number: int, **attributes: Any) -> Any:
    side, view = [("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"), ("R", "ML")][number]
    return make_mammogram(study_instance_uid=STUDY, laterality=side, view=view, **attributes)


@pytest.fixture
def separating(node: WorkingNode) -> WorkingNode:
    return node.with_settings(results={"identity_conflict": "separate"})


def reports(node: WorkingNode, generation: int = 1) -> dict[str, Dataset]:
    """Reports of a generation by the Patient ID that they are filed under."""
    rows = [r for r in node.results(generation=generation) if r.kind == "measurement_report"]
    found = {str(made.PatientID): made for made in map(node.result, rows)}
    assert len(found) == len(rows)
    return found


def predecessors(report: Dataset) -> list[str]:
    return [
        str(instance.ReferencedSOPInstanceUID)
        for study in report.get("PredecessorDocumentsSequence", [])
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    ]


def reject(node: WorkingNode, instance_id: int) -> None:
    with node.database.begin() as session:
        row = session.get_one(Instance, instance_id)
        set_aside(session, row, why="wrong", at=node.clock(), actor="person")


def report_again(node: WorkingNode) -> None:
    node.clock.pass_(hours=1)
    node.sweep()
    node.report(node.study(STUDY).id)


def test_a_stop_says_in_the_audit_log_what_differs_and_where(node: WorkingNode) -> None:
    images = [image(0, **ANNA), image(1, **BERTA)]

    node.report(node.complete(images))

    (event,) = node.events("study_failed")
    assert event.details == {
        "attributes": DISPUTED,
        "groups": [[str(one.SOPInstanceUID)] for one in images],
        "in_no_report": [],
    }
    assert "secret" not in str(event.details).lower()


def test_no_profile_lets_two_patients_overlays_out(node: WorkingNode) -> None:
    node = node.with_settings(profiles={"standard": {"objects": ["overlay"]}})

    node.report(node.complete([image(0, **ANNA), image(1, **BERTA)]))

    assert (node.study(STUDY).state, node.results()) == (StudyState.FAILED, [])


def test_each_patient_gets_results_that_hold_nothing_of_the_other(
    separating: WorkingNode,
) -> None:
    node = separating
    images = [image(0, **ANNA), image(1, **BERTA), image(2, **ANNA)]
    owner = {str(one.SOPInstanceUID): str(one.PatientID) for one in images}

    node.report(node.complete(images))

    assert node.study(STUDY).state is StudyState.REPORTED
    assert reports(node).keys() == {"SECRET-A", "SECRET-B"}
    assert sum(row.kind == "overlay" for row in node.results()) == 3
    for row in node.results():
        made = node.result(row)
        named = {str(e.value) for e in made.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
        assert named
        assert {owner[uid] for uid in named} == {str(made.PatientID)}
        assert node.instance(row.first_instance_id or 0).sop_instance_uid == next(
            uid for uid, patient in owner.items() if patient == made.PatientID
        )
    assert node.audit_problem() is None


def test_a_series_is_one_patient_s(separating: WorkingNode) -> None:
    node = separating
    node.report(node.complete([image(0, **ANNA), image(1, **BERTA), image(2, **ANNA)]))

    patients: dict[str, set[str]] = {}
    for row in node.results():
        patients.setdefault(row.series_instance_uid, set()).add(str(node.result(row).PatientID))

    kinds = {row.kind for row in node.results()}
    assert len(patients) == 2 * len(kinds)
    assert all(len(those) == 1 for those in patients.values())


def test_each_report_says_of_which_part_of_the_study_it_is(separating: WorkingNode) -> None:
    node = separating
    node.report(node.complete([image(0, **ANNA), image(1, **BERTA), image(2, **ANNA)]))

    for patient, count in (("SECRET-A", 2), ("SECRET-B", 1)):
        assert (
            "Images of this study disagree about PatientID, PatientName group 1: "
            f"this report is on {count} of 3 images" in spoken(reports(node)[patient])
        )
    (event,) = node.events("study_separated")
    assert event.details["attributes"] == DISPUTED
    assert [len(group) for group in event.details["groups"]] == [2, 1]
    assert "secret" not in str([e.details for e in node.events()]).lower()


def test_two_orders_are_reported_each_for_itself(separating: WorkingNode) -> None:
    node = separating
    node.report(node.complete([image(0, AccessionNumber="1"), image(1, AccessionNumber="2")]))

    made = [node.result(row) for row in node.results() if row.kind == "measurement_report"]

    assert {report.AccessionNumber for report in made} == {"1", "2"}
    for report in made:
        (order,) = report.ReferencedRequestSequence
        assert order.AccessionNumber == report.AccessionNumber


def test_a_study_of_one_patient_is_not_parted(separating: WorkingNode) -> None:
    separating.report(separating.complete([image(0, **ANNA), image(1, **ANNA)]))

    assert len(reports(separating)) == 1
    assert "disagree" not in spoken(separating.report_of())
    assert separating.events("study_separated") == []


def test_a_late_image_supersedes_the_report_of_its_patient_and_no_other_s(
    separating: WorkingNode,
) -> None:
    node = separating
    node.report(node.complete([image(0, **ANNA), image(1, **BERTA)]))

    node.report(node.complete([image(2, **BERTA)]))

    first, second = reports(node, 1), reports(node, 2)
    for patient in ("SECRET-A", "SECRET-B"):
        assert predecessors(second[patient]) == [first[patient].SOPInstanceUID]
        assert second[patient].SeriesInstanceUID == first[patient].SeriesInstanceUID


def test_the_first_patient_s_report_is_not_superseded_by_a_second_patient_s(
    separating: WorkingNode,
) -> None:
    node = separating
    node.report(node.complete([image(0, **ANNA)]))
    alone = node.report_of(1)

    node.report(node.complete([image(1, **BERTA)]))

    second = reports(node, 2)
    assert predecessors(second["SECRET-A"]) == [alone.SOPInstanceUID]
    assert predecessors(second["SECRET-B"]) == []
    assert second["SECRET-B"].SeriesInstanceUID != alone.SeriesInstanceUID


@pytest.mark.parametrize("setting", ["stop", "separate"])
def test_what_stays_after_a_wrong_image_was_set_aside_does_not_supersede_its_report(
    node: WorkingNode, setting: str
) -> None:
    """The wrong patient's image came first, and was reported before the right one's came."""
    node = node.with_settings(results={"identity_conflict": setting})
    (wrong,) = node.receive([image(0, **BERTA)])
    node.sweep()
    node.analyse(wrong)
    report_again(node)
    (right,) = node.receive([image(1, **ANNA)])
    node.sweep()
    node.analyse(right)
    report_again(node)

    reject(node, wrong)
    report_again(node)

    last = max(row.generation for row in node.results())
    made = reports(node, last)["SECRET-A"]
    berta = reports(node, 1)["SECRET-B"]
    assert berta.SOPInstanceUID not in predecessors(made)
    assert berta.SeriesInstanceUID != made.SeriesInstanceUID
    assert "disagree" not in spoken(made)


def test_a_report_supersedes_the_last_also_when_its_first_image_was_set_aside(
    node: WorkingNode,
) -> None:
    node.report(node.complete([image(0, **ANNA), image(1, **ANNA)]))

    reject(node, 1)
    report_again(node)

    assert predecessors(node.report_of(2)) == [node.report_of(1).SOPInstanceUID]


def test_an_image_that_could_be_either_patient_s_is_reported_alone(
    separating: WorkingNode,
) -> None:
    node = separating
    images = [
        image(0, AccessionNumber="1"),
        image(1, AccessionNumber="2"),
        image(2, AccessionNumber=None),
    ]

    node.report(node.complete(images))

    made = [node.result(row) for row in node.results() if row.kind == "measurement_report"]
    assert sorted(str(report.AccessionNumber or "") for report in made) == ["", "1", "2"]
    assert all("this report is on 1 of 3 images" in spoken(report) for report in made)


def test_an_image_that_does_not_say_whose_it_is_is_named_by_every_report(
    separating: WorkingNode,
) -> None:
    node = separating
    study = node.complete([image(0, **ANNA), image(1, **BERTA), image(2, **ANNA)])
    spoiled = node.instance(3)
    path = node.layout.absolute(spoiled.path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\x08\x00\x05\x00CS\x0a\x00", b"\x08\x00\x05\x00US\x0a\x00"))

    node.report(study)

    assert reports(node).keys() == {"SECRET-A", "SECRET-B"}
    for report in reports(node).values():
        assert f"In no report: image {spoiled.sop_instance_uid}" in spoken(report)


def test_a_report_that_is_made_again_is_the_same_to_the_byte(
    separating: WorkingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = separating

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    study = node.complete([image(0, **ANNA), image(1, **BERTA)])
    with monkeypatch.context() as patch:
        patch.setattr("workers.report.record_report", die)
        with pytest.raises(KeyboardInterrupt):
            node.report(study)
    left = {path.name for path in node.layout.results.rglob("*.dcm")}
    node.clock.pass_(minutes=10)

    node.report(study)

    assert {path.name for path in node.layout.results.rglob("*.dcm")} == left
    assert len(left) == len(node.results()) > 3
