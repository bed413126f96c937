"""Sensitivity on the validation cases, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.training.watch import Scored, score, sensitivity_at

LESION = [10.0, 10.0, 30.0, 40.0]


def scored(lesions: list[float], false: list[float]) -> Scored:
    return Scored(np.array(lesions, np.float32), np.array(false, np.float32))


def test_the_best_box_of_enough_overlap_is_a_lesions_score() -> None:
    boxes = np.array(
        [
            [10, 10, 30, 39],  # 580 of 600
            [10, 10, 30, 40],  # the lesion itself
            [10, 10, 30, 25],  # half of it: IoU 0.5, still a hit
            [10, 10, 30, 24.9],  # a little less
            [60, 60, 70, 70],
        ],
        np.float32,
    )
    scores = np.array([0.6, 0.5, 0.9, 0.8, 0.7], np.float32)

    found = score(boxes, scores, np.array([LESION], np.float32), 0.5)

    np.testing.assert_array_equal(found.lesions, np.float32([0.9]))
    np.testing.assert_array_equal(found.false, np.float32([0.8, 0.7]))


def test_an_image_without_boxes_has_missed_its_lesion() -> None:
    nothing = np.zeros((0, 4), np.float32)

    found = score(nothing, np.zeros(0, np.float32), np.array([LESION], np.float32), 0.5)

    assert found.lesions.tolist() == [0]
    assert sensitivity_at([found], 1.0) == (0.0, 0.0, 0.0)


IMAGES = [scored([0.9, 0.3], [0.8, 0.2]), scored([], [0.5, 0.4]), scored([0.45], [])]


@pytest.mark.parametrize(
    ("most_false", "sensitivity", "above", "false_positives"),
    [
        (0.0, 1 / 3, 0.8, 0.0),  # only 0.9 is above every false box
        (1 / 3, 1 / 3, 0.5, 1 / 3),
        (0.67, 2 / 3, 0.4, 2 / 3),
        (1.0, 1.0, 0.2, 1.0),
        (2.0, 1.0, 0.0, 4 / 3),  # every box may be shown
    ],
)
def test_the_threshold_is_the_lowest_with_few_enough_false_boxes(
    most_false: float, sensitivity: float, above: float, false_positives: float
) -> None:
    found = sensitivity_at(IMAGES, most_false)

    assert found == pytest.approx((sensitivity, above, false_positives), abs=1e-6)


def test_equal_scores_of_false_boxes_are_shown_together_or_not() -> None:
    images = [scored([0.5], [0.5, 0.5, 0.4])]

    assert sensitivity_at(images, 1.0) == pytest.approx((0.0, 0.5, 0.0), abs=1e-6)


def test_without_a_lesion_there_is_no_sensitivity() -> None:
    sensitivity, _, false_positives = sensitivity_at([scored([], [0.5])], 1.0)

    assert math.isnan(sensitivity)
    assert false_positives == 1.0
