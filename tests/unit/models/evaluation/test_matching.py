"""Which box finds which cancer, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.detections import ScoredBox
from models.evaluation.matching import MatchedImage, iou_table
from tests.annotated import Annotated, annotated, benign, boxes, cancer, image_sets, matched
from tests.slow_froc import overlap


def one(image: Annotated, *, iou_threshold: float = 0.3) -> MatchedImage:
    return matched([image], iou_threshold=iou_threshold)[0]


# A cancer 10 wide and 20 high; shifted right by x it shares (10 - x) * 20 of (10 + x) * 20.
CANCER = cancer(0, 0, 10, 20)


def shifted(x: float, score: float) -> ScoredBox:
    return ScoredBox(x, 0, 10 + x, 20, score)


def test_a_box_at_the_limit_itself_is_a_hit() -> None:
    """Cut to a height of 6 of 20: exactly 0.3."""
    at_the_limit = ScoredBox(0, 0, 10, 6, 0.5)

    assert one(annotated("a", [CANCER], [at_the_limit])).lesions[0].hit == at_the_limit


def test_a_box_just_below_the_limit_is_a_false_positive() -> None:
    below = ScoredBox(0, 0, 10, 5.99, 0.5)

    image = one(annotated("a", [CANCER], [below]))

    assert image.lesions[0].score is None
    assert [found.box for found in image.false_positives] == [below]


def test_several_boxes_on_one_cancer_are_one_hit_and_no_false_positive() -> None:
    image = one(annotated("a", [CANCER], [shifted(1, 0.4), shifted(0, 0.3), shifted(2, 0.9)]))

    assert image.lesions[0].score == 0.9
    assert image.false_positives == ()


def test_one_box_on_two_cancers_finds_the_better_overlapped_one_alone() -> None:
    """They share 8 and 6 of its 10 columns."""
    left, right = cancer(0, 0, 8, 20), cancer(4, 0, 10, 20)

    image = one(annotated("a", [right, left], [ScoredBox(0, 0, 10, 20, 0.5)]))

    assert [lesion.score for lesion in image.lesions] == [None, 0.5]
    assert image.false_positives == ()


def test_a_second_box_finds_the_cancer_that_is_left() -> None:
    left, right = cancer(0, 0, 8, 20), cancer(4, 0, 10, 20)

    image = one(annotated("a", [left, right], [shifted(0, 0.5), ScoredBox(0, 0, 10, 20, 0.25)]))

    assert [lesion.score for lesion in image.lesions] == [0.5, 0.25]


def test_a_box_on_a_benign_finding_is_a_false_positive_that_says_so() -> None:
    image = one(
        annotated("a", [benign(0, 0, 10, 20)], [shifted(0, 0.5), ScoredBox(20, 30, 28, 40, 0.75)])
    )

    assert [(found.box.score, found.is_on_benign) for found in image.false_positives] == [
        (0.75, False),
        (0.5, True),
    ]


def test_a_malignant_image_is_decided_by_its_hit_and_not_by_a_better_box_elsewhere() -> None:
    image = one(annotated("a", [CANCER], [shifted(0, 0.25), ScoredBox(20, 30, 28, 40, 0.75)]))

    assert (image.hit_score, image.top_score, image.deciding_score) == (0.25, 0.75, 0.25)


def test_an_image_without_a_cancer_is_decided_by_its_best_box() -> None:
    image = one(annotated("a", [], [shifted(0, 0.25), ScoredBox(20, 30, 28, 40, 0.75)]))

    assert (image.hit_score, image.deciding_score) == (None, 0.75)


def test_an_image_without_boxes_has_no_score() -> None:
    image = one(annotated("a", [CANCER]))

    assert (image.lesions[0].hit, image.top_score, image.deciding_score) == (None, None, None)


@given(image_sets(), st.randoms(use_true_random=False))
def test_the_order_in_which_boxes_come_decides_nothing(
    images: list[Annotated], random: st.DataObject
) -> None:
    mixed = [
        annotated(
            case.image_id,
            case.findings,
            random.sample(found.boxes, len(found.boxes)),
            patient=case.patient,
        )
        for case, found in images
    ]

    for one_way, other_way in zip(matched(images), matched(mixed), strict=True):
        assert one_way.lesions == other_way.lesions
        assert one_way.false_positives == other_way.false_positives


@given(boxes(), boxes())
def test_iou_is_the_share_of_unit_squares(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    (((found,),),) = (iou_table([ScoredBox(*a, 0.5)], [b]),)

    assert found == float(overlap(a, b))


def test_the_iou_with_an_empty_box_is_zero_and_not_nan() -> None:
    assert iou_table([ScoredBox(3, 3, 3, 3, 0.5)], [(3, 3, 3, 3)]).tolist() == [[0]]


@pytest.mark.parametrize("others", [[], [(0, 0, 1, 1)]])
def test_a_table_of_no_boxes_has_no_rows(others: list[tuple[float, ...]]) -> None:
    assert iou_table([], others).shape == (0, len(others))
