"""The report step on real rows and files: what it makes, when, and how often."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.sending import Destination
from node.db.session import Database
from node.states import DeliveryState, InstanceState, StudyState
from tests.factories import four_view_study, make_mammogram, stable_uid
from tests.working_node import BOX, WorkingNode, spoken, working_node
from workers import report

STUDY = stable_uid("a study")
PACS = Destination(ae_title="PACS", host="127.0.0.1", port=104)
PHANTOM = {"BodyPartExamined": "PHANTOM"}


def images(**common: Any) -> Any:
    return four_view_study(study_instance_uid=STUDY, **common)


def kinds(node: WorkingNode) -> list[str]:
    return sorted(result.kind for result in node.results())


def contents(node: WorkingNode) -> dict[str, bytes]:
    return {row.path: node.layout.absolute(row.path).read_bytes() for row in node.results()}


def test_a_study_with_boxes_gets_two_reports_and_an_overlay_of_each_image(
    database: Database, tmp_path: Path
) -> None:
    node = working_node(tmp_path / "storage", database, destinations={"pacs": PACS})

    node.report(node.complete(images()))

    assert node.study(STUDY).state is StudyState.REPORTED
    assert kinds(node) == ["cad_sr", "measurement_report", *["overlay"] * 4]
    assert node.delivery_states() == [DeliveryState.PENDING] * 6
    assert spoken(node.report_of()).count("Malignancy score 81.2 %") == 4
    sources = {
        node.result(row).SourceImageSequence[0].ReferencedSOPInstanceUID
        for row in node.results()
        if row.kind == "overlay"
    }
    assert sources == {image.SOPInstanceUID for image in images()}
    assert node.audit_problem() is None


def test_the_boxes_of_the_report_are_those_of_the_detector(node: WorkingNode) -> None:
    node.report(node.complete([images()[0]]))

    made = node.report_of()
    outlines = [e.value for e in made.iterall() if e.keyword == "GraphicData"]
    assert len(outlines) > 0
    for outline in outlines:
        x, y = np.array(outline).reshape(-1, 2).T
        assert (x.min(), y.min(), x.max(), y.max()) == (BOX.x0, BOX.y0, BOX.x1, BOX.y1)


@pytest.mark.parametrize(
    ("profile", "with_box", "without"),
    [
        ({"overlay": {"images": "with_findings"}}, 1, 0),
        ({"overlay": {"images": "all"}}, 1, 1),
        ({"objects": ["measurement_report"]}, 0, 0),
    ],
)
def test_the_profile_says_which_images_get_an_overlay(
    node: WorkingNode, profile: dict[str, Any], with_box: int, without: int
) -> None:
    node = node.with_settings(profiles={"standard": profile})
    first, second = images()[:2]
    one, other = node.receive([first, second])
    node.sweep()
    node.analyse(one)
    node.detector.boxes = ()
    node.analyse(other)
    node.clock.pass_(hours=1)
    node.sweep()

    node.report(node.study(STUDY).id)

    sources = [row.source_instance_id for row in node.results() if row.kind == "overlay"]
    assert sources.count(one) == with_box
    assert sources.count(other) == without


def test_a_study_without_findings_gets_a_report_that_says_so(node: WorkingNode) -> None:
    node.detector.boxes = ()

    node.report(node.complete(images()))

    assert kinds(node) == ["cad_sr", "measurement_report"]
    assert "No region at or above the reporting threshold in 4 of 4" in spoken(node.report_of())


def test_an_image_that_was_rejected_is_named_with_its_reason(node: WorkingNode) -> None:
    good, bad = make_mammogram(), make_mammogram(view="MLO", **PHANTOM)

    node.report(node.complete([good, bad]))

    said = spoken(node.report_of())
    assert str(bad.SOPInstanceUID) in said
    assert "QUALITY_CONTROL" in said
    assert "1 of 2 images analysed" in said


def test_a_study_of_rejected_images_alone_gets_a_report_all_the_same(node: WorkingNode) -> None:
    node.report(node.complete(images(**PHANTOM)))

    assert kinds(node) == ["cad_sr", "measurement_report"]
    said = spoken(node.report_of())
    assert "No image was analysed: 0 of 4. This is not a result without findings." in said


def test_an_image_of_which_the_analysis_failed_is_named(node: WorkingNode) -> None:
    def fail(_: object) -> None:
        raise MemoryError

    node = node.with_settings(analysis={"max_attempts": 1})
    node.detector.look = fail

    node.report(node.complete([images()[0]]))

    assert "ANALYSIS_FAILED" in spoken(node.report_of())


def test_two_patients_in_one_study_stop_it_and_nothing_is_made(
    database: Database, tmp_path: Path
) -> None:
    node = working_node(tmp_path / "storage", database, destinations={"pacs": PACS})
    one = make_mammogram(study_instance_uid=STUDY, patient_id="ONE")
    other = make_mammogram(study_instance_uid=STUDY, patient_id="TWO", view="MLO")
    study = node.complete([one, other])

    node.report(study)

    assert (node.study(STUDY).state, node.study(STUDY).reason) == (
        StudyState.FAILED,
        "IDENTITY_CONFLICT",
    )
    assert node.results() == []
    assert node.deliveries() == []
    assert list(node.layout.results.rglob("*.dcm")) == []
    assert [event.reason for event in node.events("study_failed")] == ["IDENTITY_CONFLICT"]


def test_reporting_twice_makes_one_set_of_rows_and_the_same_bytes(node: WorkingNode) -> None:
    study = node.complete(images())
    node.report(study)
    rows, first = len(node.results()), contents(node)

    node.report(study)

    assert (len(node.results()), contents(node)) == (rows, first)
    assert len(node.events("study_reported")) == 1


def test_a_worker_that_dies_between_files_and_rows_loses_and_doubles_nothing(
    node: WorkingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise PowerCut

    study = node.complete(images())
    with monkeypatch.context() as patch:
        patch.setattr("workers.report.record_report", die)
        with pytest.raises(PowerCut):
            node.report(study)
    left = {path: path.read_bytes() for path in node.layout.results.rglob("*.dcm")}
    node.clock.pass_(minutes=10)

    node.report(study)

    after = {path: path.read_bytes() for path in node.layout.results.rglob("*.dcm")}
    assert len(left) == 6
    assert after == left
    assert {str(node.layout.absolute(row.path)) for row in node.results()} == set(map(str, left))


def test_a_worker_that_is_overtaken_records_nothing_and_spoils_no_file(
    node: WorkingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late image comes while the first worker writes; the second reports all of them."""
    first, late = images()[:2]
    study = node.complete([first])
    write = report.write_durably

    def be_overtaken(path: Path, content: bytes) -> None:
        monkeypatch.setattr("workers.report.write_durably", write)
        node.report(node.complete([late]))
        write(path, content)

    monkeypatch.setattr("workers.report.write_durably", be_overtaken)

    node.report(study)

    assert len(node.events("study_reported")) == 1
    assert kinds(node) == ["cad_sr", "measurement_report", "overlay", "overlay"]
    for row in node.results():
        content = node.layout.absolute(row.path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row.sha256


def test_a_source_that_vanished_is_counted_put_off_and_given_up(node: WorkingNode) -> None:
    node = node.with_settings(analysis={"max_attempts": 3})
    study = node.complete(images())
    source = node.layout.absolute(node.instance(1).path)
    away = source.rename(source.with_suffix(".away"))
    pauses = []
    for attempt in (1, 2):
        node.report(study)
        row = node.study(STUDY)
        assert (row.state, row.report_attempts) == (StudyState.COMPLETE, attempt)
        assert row.reason.startswith("FileNotFoundError")
        assert row.not_before is not None
        pauses.append(row.not_before - node.clock())
        node.clock.now = row.not_before

    node.report(study)

    assert node.study(STUDY).state is StudyState.FAILED
    assert timedelta(seconds=3) < pauses[0] < pauses[1]
    assert [row.state for row in (node.instance(1), node.instance(2))] == [
        InstanceState.ANALYSED
    ] * 2
    away.rename(source)


def test_a_message_that_comes_before_the_pause_is_over_is_dropped(node: WorkingNode) -> None:
    study = node.complete(images())
    source = node.layout.absolute(node.instance(1).path)
    source.rename(source.with_suffix(".away"))
    node.report(study)

    node.report(study)

    assert node.study(STUDY).report_attempts == 1


def test_the_institution_of_the_settings_stands_in_every_result(node: WorkingNode) -> None:
    node = node.with_settings(results={"institution_name": "Example Hospital"})

    node.report(node.complete(images()))

    assert {node.result(row).InstitutionName for row in node.results()} == {"Example Hospital"}


def test_a_threshold_that_was_changed_meanwhile_changes_nothing_of_the_report(
    node: WorkingNode,
) -> None:
    """The UIDs and the parameters follow the threshold that the boxes have passed."""
    study = node.complete(images())

    node.with_settings(detector={"score_threshold": 0.9}).report(study)

    said = [e.value for e in node.report_of().iterall() if e.keyword == "TextValue"]
    assert "score_threshold=0.3" in said
    first = {row.sop_instance_uid for row in node.results()}
    again = node.with_settings(detector={"score_threshold": 0.3})
    late = make_mammogram(study_instance_uid=STUDY, view="ML")
    again.report(again.complete([late]))
    assert len(again.results(generation=2)) == 3, "the reports and the late image's overlay"
    assert first < {row.sop_instance_uid for row in node.results()}
