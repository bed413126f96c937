"""The curve and what is read off it, against a slow and obvious implementation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.detections import ScoredBox
from models.evaluation.froc import (
    curve,
    most_sensitive_point,
    operating_point,
    partial_area,
    point_at,
    sensitivity_at,
)
from models.evaluation.outcomes import Outcomes
from tests import slow_froc
from tests.annotated import Annotated, annotated, cancer, image_sets, matched

ious = st.sampled_from(["0.3", "0.5", "1/3", "0.1"]).map(Fraction)
rates = st.fractions(0, 3, max_denominator=12)


def outcomes(images: list[Annotated], iou: Fraction = Fraction("0.3")) -> Outcomes:
    return Outcomes.of(matched(images, iou_threshold=float(iou)))


def close(value: float | None, expected: Fraction | None) -> bool:
    if value is None or expected is None:
        return value is expected
    return value == pytest.approx(float(expected), abs=1e-12)


@given(image_sets(), ious)
def test_every_point_of_the_curve_is_what_its_threshold_gives(
    images: list[Annotated], iou: Fraction
) -> None:
    found = curve(outcomes(images, iou))

    if found is None:
        assert not any(case.boxes for case, _ in images)
        return
    shown = slow_froc.thresholds(images)
    assert found.thresholds.tolist() == [np.inf, *shown[1:]]
    for false, sensitivity, threshold in zip(
        found.false_positives, found.sensitivities, shown, strict=True
    ):
        expected = slow_froc.point(images, threshold, iou)
        assert close(false, expected[0])
        assert close(sensitivity, expected[1])


@given(image_sets(), ious, rates.filter(lambda rate: rate > 0))
def test_the_partial_area_is_that_of_the_staircase(
    images: list[Annotated], iou: Fraction, limit: Fraction
) -> None:
    area = partial_area(outcomes(images, iou), limit=float(limit))

    assert close(area, slow_froc.partial_area(images, limit, iou))


@given(image_sets(), ious, rates)
def test_the_sensitivity_at_a_rate_is_the_best_one_with_no_more_false_positives(
    images: list[Annotated], iou: Fraction, rate: Fraction
) -> None:
    found = sensitivity_at(outcomes(images, iou), float(rate))

    assert close(found, slow_froc.sensitivity_at(images, rate, iou))


@given(image_sets(), ious, rates)
def test_the_operating_threshold_is_the_lowest_that_makes_no_more_false_positives(
    images: list[Annotated], iou: Fraction, rate: Fraction
) -> None:
    found = operating_point(outcomes(images, iou), float(rate))

    expected = slow_froc.operating_threshold(images, rate, iou)
    assert (None if found is None else found.threshold) == expected
    if found is not None:
        assert close(found.false_positives, slow_froc.point(images, found.threshold, iou)[0])
        assert close(found.sensitivity, slow_froc.point(images, found.threshold, iou)[1])


@given(image_sets(), ious)
def test_the_most_sensitive_point_is_the_first_one_that_finds_all_that_is_ever_found(
    images: list[Annotated], iou: Fraction
) -> None:
    found = most_sensitive_point(outcomes(images, iou))

    everything = slow_froc.point(images, 0, iou)[1]
    first = next(
        (
            t
            for t in slow_froc.thresholds(images)
            if slow_froc.point(images, t, iou)[1] == everything
        ),
        None,
    )
    assert (None if found is None else found.threshold) == (first if everything else None)


# Two images, three cancers; boxes in the middle of nowhere are false positives.
NOWHERE = (20.0, 30.0, 28.0, 40.0)
BY_HAND = [
    annotated(
        "1",
        [cancer(0, 0, 4, 4), cancer(8, 0, 12, 4)],
        [ScoredBox(0, 0, 4, 4, 0.9), ScoredBox(*NOWHERE, 0.7), ScoredBox(8, 0, 12, 4, 0.6)],
    ),
    annotated("2", [cancer(0, 0, 4, 4)], [ScoredBox(*NOWHERE, 0.8)]),
]


def test_a_small_curve_by_hand() -> None:
    """0.9 finds one; 0.8 and 0.7 are false; 0.6 finds another; the third is never found."""
    found = curve(outcomes(BY_HAND))

    assert found is not None
    assert found.false_positives.tolist() == [0, 0, 0.5, 1, 1]
    np.testing.assert_allclose(found.sensitivities, [0, 1 / 3, 1 / 3, 1 / 3, 2 / 3])


def test_its_area_by_hand() -> None:
    """Up to 1: one third all the way. Up to 2: one third, and one third more of the half."""
    assert partial_area(outcomes(BY_HAND), limit=1) == pytest.approx(1 / 3)
    assert partial_area(outcomes(BY_HAND), limit=2) == pytest.approx(1 / 3 + 1 / 6)


def test_a_box_at_the_threshold_is_shown() -> None:
    assert point_at(outcomes(BY_HAND), 0.8) == (0.8, 0.5, pytest.approx(1 / 3))
    assert point_at(outcomes(BY_HAND), np.nextafter(0.8, 1))[1] == 0


def test_a_cancer_with_the_score_of_a_false_positive_comes_after_it() -> None:
    """No threshold shows the one without the other."""
    images = [
        annotated("1", [cancer(0, 0, 4, 4)], [ScoredBox(0, 0, 4, 4, 0.5)]),
        annotated("2", [], [ScoredBox(*NOWHERE, 0.5)]),
    ]

    assert sensitivity_at(outcomes(images), 0.49) == 0
    assert sensitivity_at(outcomes(images), 0.5) == 1
    assert partial_area(outcomes(images), limit=1) == 0.5


def test_a_rate_that_is_a_whole_number_of_boxes_is_not_lost_by_rounding() -> None:
    """0.29 * 100 is 28.999999999999996."""
    images = [
        annotated(str(n), [], [ScoredBox(*NOWHERE, 0.5)] if n < 29 else []) for n in range(99)
    ]
    images.append(annotated("99", [cancer(0, 0, 4, 4)], [ScoredBox(0, 0, 4, 4, 0.5)]))

    assert sensitivity_at(outcomes(images), 0.29) == 1
    assert sensitivity_at(outcomes(images), 0.28) == 0


def test_no_threshold_is_given_when_the_best_box_alone_is_too_much() -> None:
    images = [annotated("1", [cancer(0, 0, 4, 4)], [ScoredBox(*NOWHERE, 0.9)])]

    assert operating_point(outcomes(images), 0.5) is None
    assert operating_point(outcomes(images), 1.0) == (0.9, 1.0, 0.0)


def test_without_a_cancer_nothing_but_the_false_positives_is_defined() -> None:
    found = outcomes([annotated("1", [], [ScoredBox(*NOWHERE, 0.9)])])

    assert curve(found) is None
    assert partial_area(found, limit=1) is None
    assert sensitivity_at(found, 1) is None
    assert most_sensitive_point(found) is None
    assert operating_point(found, 1) == (0.9, 1.0, None)


def test_cancers_without_any_box_are_missed_and_not_undefined() -> None:
    found = outcomes([annotated("1", [cancer(0, 0, 4, 4)])])

    assert partial_area(found, limit=1) == 0
    assert sensitivity_at(found, 1) == 0
    assert operating_point(found, 1) is None
