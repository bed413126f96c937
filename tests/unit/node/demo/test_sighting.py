"""A box on the lesion is told from one beside it, and from one on another image."""

from __future__ import annotations

import pytest

from node.demo.insertion import InsertedLesion
from node.demo.received import ReportedBox
from node.demo.sighting import FOUND, check_lesion, false_boxes, look_for, overlap
from node.dicom.geometry import Box

ALTERED = "2.25.31"
ANOTHER = "2.25.32"
LESION = InsertedLesion("RMLO", ALTERED, Box(100.0, 200.0, 160.0, 240.0))  # 60 x 40


def returned(*box: float, uid: str = ALTERED, score_percent: float | None = 61.0) -> ReportedBox:
    return ReportedBox(uid, Box(*box), 5, score_percent)


# Derived by hand: the lesion's area is 2400.
OVERLAPS = [
    ((100.0, 200.0, 160.0, 240.0), 1.0),
    ((100.0, 200.0, 130.0, 240.0), 0.5),  # its left half
    ((100.0, 220.0, 160.0, 260.0), 1200 / 3600),  # one half of each
    ((130.0, 220.0, 190.0, 260.0), 600 / 4200),  # a quarter of each
    ((80.0, 190.0, 200.0, 270.0), 2400 / 9600),  # around it
    ((160.0, 200.0, 190.0, 240.0), 0.0),  # touches its edge
    ((500.0, 20.0, 560.0, 60.0), 0.0),
    ((130.0, 200.0, 130.0, 240.0), 0.0),  # flat
]


@pytest.mark.parametrize(("box", "expected"), OVERLAPS)
def test_the_overlap_is_intersection_over_union(box: tuple[float, ...], expected: float) -> None:
    assert overlap(LESION, returned(*box)) == pytest.approx(expected)


@pytest.mark.parametrize(("box", "expected"), OVERLAPS)
def test_a_box_lies_on_the_lesion_from_three_tenths(
    box: tuple[float, ...], expected: float
) -> None:
    assert look_for(LESION, [returned(*box)]).found == (expected >= 0.3)


def test_an_overlap_of_exactly_three_tenths_is_enough() -> None:
    lesion = InsertedLesion("RMLO", ALTERED, Box(0.0, 0.0, 10.0, 1.0))

    assert look_for(lesion, [returned(0.0, 0.0, 3.0, 1.0)]).found


def test_the_lesion_is_found_with_the_overlap_and_score_of_its_best_box() -> None:
    sighting = look_for(
        LESION,
        [
            returned(130.0, 220.0, 190.0, 260.0, score_percent=99.0),
            returned(100.0, 200.0, 130.0, 240.0, score_percent=47.5),
            returned(500.0, 20.0, 560.0, 60.0, score_percent=88.0),
        ],
    )

    assert (sighting.best_iou, sighting.score_percent) == (0.5, 47.5)
    check = check_lesion(sighting)
    assert (check.name, check.passed, check.detail) == (FOUND, True, "IoU 0.50, score 47.5 %")


def test_a_box_that_only_touches_the_lesion_is_named_and_fails() -> None:
    check = check_lesion(look_for(LESION, [returned(130.0, 220.0, 190.0, 260.0)]))

    assert (check.passed, check.detail) == (False, "IoU 0.14, score 61.0 %")


def test_the_same_box_on_another_image_is_no_sighting() -> None:
    sighting = look_for(LESION, [returned(*LESION.box, uid=ANOTHER)])

    assert (sighting.found, sighting.best_iou, sighting.score_percent) == (False, 0.0, None)
    assert check_lesion(sighting).detail == "no box of RMLO touches it"


def test_without_any_box_the_lesion_is_not_found() -> None:
    sighting = look_for(LESION, [])

    assert not check_lesion(sighting).passed
    assert sighting.false_boxes == 0


def test_a_box_without_a_score_counts_all_the_same() -> None:
    check = check_lesion(look_for(LESION, [returned(*LESION.box, score_percent=None)]))

    assert (check.passed, check.detail) == (True, "IoU 1.00, no score")


def test_every_box_that_is_not_on_the_lesion_is_a_false_box_of_its_image() -> None:
    boxes = [
        returned(*LESION.box),
        returned(101.0, 201.0, 161.0, 241.0),  # a second one on it
        returned(130.0, 220.0, 190.0, 260.0),
        returned(*LESION.box, uid=ANOTHER),
        returned(500.0, 20.0, 560.0, 60.0, uid=ANOTHER),
    ]

    assert false_boxes(LESION, boxes) == {ALTERED: 1, ANOTHER: 2}
    assert look_for(LESION, boxes).false_boxes == 3
