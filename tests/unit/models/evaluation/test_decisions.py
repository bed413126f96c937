"""Images called positive or negative, against the slow implementation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.decisions import count_at, youden_threshold
from models.evaluation.detections import ScoredBox
from tests import slow_froc
from tests.annotated import Annotated, annotated, cancer, image_sets, matched

IOU = Fraction("0.3")
CANCER = cancer(0, 0, 4, 4)
HIT, NOWHERE = (0.0, 0.0, 4.0, 4.0), (20.0, 30.0, 28.0, 40.0)


@given(image_sets(), st.integers(0, 9).map(lambda n: n / 8))
def test_images_are_counted_by_the_published_rule(
    images: list[Annotated], threshold: float
) -> None:
    assert count_at(matched(images), threshold) == slow_froc.image_counts(images, threshold, IOU)


@given(image_sets())
def test_no_threshold_has_a_better_youden_index(images: list[Annotated]) -> None:
    threshold = youden_threshold(matched(images))

    kinds = {case.is_malignant for case, _ in images}
    assert (threshold is None) == (len(kinds) < 2)
    best = slow_froc.best_youden(images, IOU)
    if threshold is not None and best is not None:
        assert slow_froc.youden(images, threshold, IOU) == best


def test_of_equal_youden_indices_the_one_with_fewer_boxes_is_taken() -> None:
    """At 0.75: 1/2 of the malignant, all of the others. At 0.25: all, and 1/2 of the others."""
    images = [
        annotated("1", [CANCER], [ScoredBox(*HIT, 0.75)]),
        annotated("2", [CANCER], [ScoredBox(*HIT, 0.25)]),
        annotated("3", [], [ScoredBox(*NOWHERE, 0.5)]),
        annotated("4", []),
    ]

    assert youden_threshold(matched(images)) == 0.75


def test_a_malignant_image_with_a_box_elsewhere_alone_is_a_false_negative() -> None:
    images = matched([annotated("1", [CANCER], [ScoredBox(*NOWHERE, 0.75)])])

    assert count_at(images, 0.5) == (0, 1, 0, 0)


def test_a_box_at_the_threshold_counts_and_one_below_does_not() -> None:
    images = matched([annotated("1", [CANCER], [ScoredBox(*HIT, 0.75)])])

    assert count_at(images, 0.75).true_positive == 1
    assert count_at(images, np.nextafter(0.75, 1)).true_positive == 0


def test_where_no_image_has_a_box_any_threshold_is_as_good() -> None:
    assert youden_threshold(matched([annotated("1", [CANCER]), annotated("2")])) == 1


@pytest.mark.parametrize("findings", [[CANCER], []])
def test_without_both_kinds_of_images_there_is_no_youden_threshold(findings: list) -> None:
    images = matched([annotated("1", findings, [ScoredBox(*HIT, 0.75)])])

    assert youden_threshold(images) is None
