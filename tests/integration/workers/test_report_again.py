"""Reports that supersede: late images, images that were pending, images that were replayed."""

from __future__ import annotations

from typing import Any

import pytest

from node.states import InstanceState, StudyState
from tests.factories import four_view_study, stable_uid
from tests.report_tree import predecessors, texts
from tests.working_node import WorkingNode, spoken

# test_report.py runs the same statements on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

STUDY = stable_uid("a study")


def images(**common: Any) -> Any:
    return four_view_study(study_instance_uid=STUDY, **common)


def fail(_: object) -> None:
    raise MemoryError


def test_a_late_image_opens_the_study_and_its_report_supersedes_the_last(
    node: WorkingNode,
) -> None:
    *first, late = images()
    node.report(node.complete(first))
    before = {row.sop_instance_uid for row in node.results()}

    (row,) = node.receive([late])
    reopened = node.study(STUDY).state
    node.sweep()
    node.analyse(row)
    node.sweep()
    node.report(node.study(STUDY).id)

    assert reopened is StudyState.OPEN
    assert (node.study(STUDY).state, node.study(STUDY).generation) == (StudyState.REPORTED, 2)
    assert predecessors(node.report_of(1)) == []
    assert predecessors(node.report_of(2)) == [node.report_of(1).SOPInstanceUID]
    assert {r.sop_instance_uid for r in node.results(generation=2)}.isdisjoint(before)
    overlays = [r for r in node.results(generation=2) if r.kind == "overlay"]
    assert [r.source_instance_id for r in overlays] == [row], "the others' overlays stay"


def test_each_report_supersedes_the_one_before_it_alone(node: WorkingNode) -> None:
    for image in images():
        node.report(node.complete([image]))

    uids = [node.report_of(generation).SOPInstanceUID for generation in (1, 2, 3, 4)]
    assert [predecessors(node.report_of(generation)) for generation in (2, 3, 4)] == [
        [uid] for uid in uids[:3]
    ]


def test_an_image_that_an_earlier_model_analysed_keeps_its_name_and_its_overlay(
    node: WorkingNode,
) -> None:
    """New weights come between the first images and a late one: nothing is ascribed to them."""
    first, late = images()[:2]
    node.detector.version = "1.0+old"
    node.report(node.complete([first]))
    node.detector.version = "2.0+new"

    node.report(node.complete([late]))

    # Imaging Measurements, Measurement Group, Algorithm Version: in viewing order, R before L.
    versions = texts(node.report_of(2), "126010", "125007", "111003")
    assert versions == ["1.0+old", "2.0+new"]
    assert "Analysed by" in spoken(node.report_of(2))
    assert [row.kind for row in node.results(generation=2)] == [
        *("cad_sr", "measurement_report", "overlay")
    ]


def test_an_image_pending_at_the_limit_is_named_and_its_analysis_brings_another_report(
    node: WorkingNode,
) -> None:
    first, pending = node.receive(images()[:2])
    node.sweep()
    node.analyse(first)
    node.clock.pass_(minutes=node.runtime.settings.study.limit_minutes)
    node.sweep()
    node.report(node.study(STUDY).id)
    node.analyse(pending)
    reopened = node.study(STUDY).state
    node.sweep()
    node.report(node.study(STUDY).id)

    assert reopened is StudyState.OPEN
    one, two = node.report_of(1), node.report_of(2)
    assert (one.CompletionFlag, two.CompletionFlag) == ("PARTIAL", "COMPLETE")
    assert "PENDING_AT_TIME_LIMIT" in spoken(one)
    assert "PENDING_AT_TIME_LIMIT" not in spoken(two)
    assert one.SOPInstanceUID != two.SOPInstanceUID
    assert predecessors(two) == [one.SOPInstanceUID]
    assert node.audit_problem() is None


def test_an_image_that_waits_for_another_attempt_at_the_limit_is_pending_and_not_failed(
    node: WorkingNode,
) -> None:
    first, waiting = node.receive(images()[:2])
    node.sweep()
    node.analyse(first)
    node.detector.look = fail
    node.analyse(waiting)
    node.clock.pass_(minutes=node.runtime.settings.study.limit_minutes)
    node.sweep()

    node.report(node.study(STUDY).id)

    assert node.instance(waiting).reason == "MemoryError"
    assert node.report_of().CompletionFlag == "PARTIAL"
    assert "PENDING_AT_TIME_LIMIT" in spoken(node.report_of())
    assert "MemoryError" not in spoken(node.report_of())


def test_an_image_whose_last_lease_ends_after_the_limit_brings_another_report(
    node: WorkingNode,
) -> None:
    """The first report says that the image is to come; the second that it failed."""

    class PowerCut(BaseException):
        pass

    def die(_: object) -> None:
        raise PowerCut

    node = node.with_settings(
        analysis={"max_attempts": 1, "lease_seconds": 100}, study={"limit_minutes": 1}
    )
    first, dying = node.receive(images()[:2])
    node.sweep()
    node.analyse(first)
    node.detector.look = die
    with pytest.raises(PowerCut):
        node.analyse(dying)
    node.clock.pass_(seconds=60)
    node.sweep()
    node.report(node.study(STUDY).id)
    node.clock.pass_(seconds=60)
    node.sweep()
    node.report(node.study(STUDY).id)

    assert "PENDING_AT_TIME_LIMIT" in spoken(node.report_of(1))
    assert node.instance(dying).state is InstanceState.FAILED
    assert "ANALYSIS_FAILED" in spoken(node.report_of(2))
    assert node.report_of(2).CompletionFlag == "COMPLETE"
