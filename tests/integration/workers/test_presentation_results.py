"""Presentation states and key objects: sent where a profile wants them, else never made."""

from __future__ import annotations

from typing import Any

import pytest

from node.states import StudyState
from tests.factories import four_view_study, stable_uid
from tests.working_node import WorkingNode

STUDY = stable_uid("a study")
BOTH = {"objects": ["measurement_report", "presentation_state", "key_objects"]}


def images(**common: Any) -> Any:
    return four_view_study(study_instance_uid=STUDY, **common)


def of_kind(node: WorkingNode, kind: str) -> list[Any]:
    return [node.result(row) for row in node.results() if row.kind == kind]


def with_profile(node: WorkingNode, profile: dict[str, Any]) -> WorkingNode:
    pacs = {"ae_title": "PACS", "host": "127.0.0.1", "port": 104}
    return node.with_settings(profiles={"standard": profile}, destinations={"pacs": pacs})


def test_a_profile_with_both_gets_one_for_each_image_and_one_for_the_study(
    node: WorkingNode,
) -> None:
    node = with_profile(node, BOTH)

    node.report(node.complete(images()))

    assert node.study(STUDY).state is StudyState.REPORTED
    states = of_kind(node, "presentation_state")
    presented = {
        state.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID
        for state in states
    }
    assert presented == {image.SOPInstanceUID for image in images()}
    assert len(states) == 4
    assert len({state.SeriesInstanceUID for state in states}) == 2
    (selection,) = of_kind(node, "key_objects")
    assert sum(item.ValueType == "IMAGE" for item in selection.ContentSequence) == 4
    assert len(node.deliveries()) == len(node.results()) == 6
    assert node.audit_problem() is None


def test_the_boxes_are_tracked_as_in_the_report(node: WorkingNode) -> None:
    node = with_profile(node, BOTH)

    node.report(node.complete(images()))

    (report,) = of_kind(node, "measurement_report")
    reported = {element.value for element in report.iterall() if element.keyword == "UID"}
    drawn = {
        element.value
        for state in of_kind(node, "presentation_state")
        for element in state.iterall()
        if element.keyword == "TrackingUID"
    }
    assert len(drawn) == 4
    assert drawn <= reported


@pytest.mark.parametrize("profile", [{}, {"objects": ["overlay"]}])
def test_the_default_makes_neither(node: WorkingNode, profile: dict[str, Any]) -> None:
    node = with_profile(node, profile)

    node.report(node.complete(images()))

    assert node.results()
    assert of_kind(node, "presentation_state") == of_kind(node, "key_objects") == []


def test_a_study_without_a_box_gets_neither(node: WorkingNode) -> None:
    node = with_profile(node, BOTH)
    node.detector.boxes = ()

    node.report(node.complete(images()))

    assert [row.kind for row in node.results()] == ["measurement_report"]


def test_a_late_image_without_a_box_makes_no_second_selection(node: WorkingNode) -> None:
    node = with_profile(node, BOTH)
    early, late = images()[:3], images()[3]
    node.report(node.complete(early))
    node.detector.boxes = ()

    node.report(node.complete([late]))

    assert node.study(STUDY).generation == 2
    assert len(of_kind(node, "measurement_report")) == 2
    assert len(of_kind(node, "key_objects")) == 1
    assert len(of_kind(node, "presentation_state")) == 3


def test_a_selection_whose_file_is_lost_is_made_again_under_another_uid(node: WorkingNode) -> None:
    node = with_profile(node, BOTH)
    early, late = images()[:3], images()[3]
    node.report(node.complete(early))
    (lost,) = [row for row in node.results() if row.kind == "key_objects"]
    node.layout.absolute(lost.path).unlink()
    node.detector.boxes = ()

    node.report(node.complete([late]))

    (again,) = [row for row in node.results(generation=2) if row.kind == "key_objects"]
    assert again.sop_instance_uid != lost.sop_instance_uid
    assert again.series_instance_uid == lost.series_instance_uid
