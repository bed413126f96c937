"""The published filter, derived by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.anchors import anchors
from models.errors import NotFinite
from models.postprocess import Answers, candidates, detections, suppress
from models.spec import SPECS

SPEC = SPECS["ueda2022"]
HEIGHT, WIDTH = 97, 131
COUNT = len(anchors(SPEC.anchors, HEIGHT, WIDTH))


def answers(classes: int, scores: dict[tuple[int, int], float]) -> Answers:
    """Offsets of zero, and a few scores by (anchor, class)."""
    classification = np.zeros((COUNT, classes), np.float32)
    for (anchor, label), score in scores.items():
        classification[anchor, label] = score
    return Answers(np.zeros((COUNT, 4), np.float32), classification)


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_a_score_of_exactly_the_floor_is_left_out() -> None:
    floor = np.float32(0.05)
    above = np.nextafter(floor, np.float32(1))
    given = answers(1, {(5, 0): float(floor), (700, 0): float(above)})

    found = candidates(given, SPEC, height=HEIGHT, width=WIDTH, classes=(11,))

    assert found.scores.tolist() == [above]
    assert found.labels.tolist() == [11]


def test_an_overlap_of_exactly_the_limit_is_kept_and_more_is_not() -> None:
    """Halves of 20x10: IoU 0.5. One pixel more: 11 of 20 rows, IoU 0.55."""
    scores = np.array([0.9, 0.8], np.float32)

    half = suppress(boxes((0, 0, 10, 20), (0, 0, 10, 10)), scores, iou_limit=0.5, at_most=9)
    more = suppress(boxes((0, 0, 10, 20), (0, 0, 10, 11)), scores, iou_limit=0.5, at_most=9)

    assert half.tolist() == [0, 1]
    assert more.tolist() == [0]


def test_a_suppressed_box_suppresses_nothing() -> None:
    """A beats B, B overlaps C, A does not: C stays."""
    row = boxes((0, 0, 10, 10), (3, 0, 13, 10), (6, 0, 16, 10))

    kept = suppress(row, np.array([0.9, 0.8, 0.7], np.float32), iou_limit=0.5, at_most=9)

    assert kept.tolist() == [0, 2]


def test_the_best_score_comes_first_and_no_more_than_asked_for() -> None:
    row = boxes((0, 0, 1, 1), (5, 5, 6, 6), (9, 9, 10, 10))

    kept = suppress(row, np.array([0.1, 0.9, 0.5], np.float32), iou_limit=0.5, at_most=2)

    assert kept.tolist() == [1, 2]


def test_boxes_of_two_classes_do_not_suppress_each_other() -> None:
    given = answers(20, {(5, 3): 0.9, (5, 11): 0.8, (4, 11): 0.07})

    found = detections(given, SPEC, height=HEIGHT, width=WIDTH, classes=tuple(range(20)))

    # Anchors 3, 4 and 5 of a place are squares of 32, 40.3 and 50.8: IoU of 4 and 5 is 0.63.
    assert found.labels.tolist() == [3, 11]
    np.testing.assert_array_equal(found.boxes[0], found.boxes[1])


def test_boxes_are_clipped_before_they_are_compared() -> None:
    """Two large anchors at the corner differ outside the image only."""
    every = anchors(SPEC.anchors, HEIGHT, WIDTH)
    first, second = COUNT - 18 + 4, COUNT - 18 + 5  # P7, first place, squares of 645 and 813
    given = answers(1, {(first, 0): 0.9, (second, 0): 0.8})

    found = detections(given, SPEC, height=HEIGHT, width=WIDTH, classes=(11,))

    inner, outer = every[first], every[second]
    assert np.prod(inner[2:] - inner[:2]) / np.prod(outer[2:] - outer[:2]) > 0.5
    assert found.boxes.tolist() == [[0, 0, WIDTH, HEIGHT]]


def test_no_more_than_300_boxes_of_all_classes_together() -> None:
    generator = np.random.default_rng(1)
    classification = np.zeros((COUNT, 20), np.float32)
    # The small squares of P3 overlap little with their second neighbours.
    classification[3 : 9 * 13 * 17 : 9] = generator.uniform(0.06, 1, (13 * 17, 20))
    given = Answers(np.zeros((COUNT, 4), np.float32), classification)

    found = detections(given, SPEC, height=HEIGHT, width=WIDTH, classes=tuple(range(20)))

    assert len(found.scores) == 300
    assert (np.diff(found.scores) <= 0).all()
    assert len(set(found.labels.tolist())) > 1


def test_nothing_above_the_floor_is_no_box() -> None:
    found = detections(answers(1, {}), SPEC, height=HEIGHT, width=WIDTH, classes=(11,))

    assert found.boxes.shape == (0, 4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_an_error_and_not_an_image_without_findings(bad: float) -> None:
    scores = answers(1, {(7, 0): bad})
    offsets = answers(1, {(7, 0): 0.9})
    offsets.regression[7, 2] = bad

    for given in (scores, offsets):
        with pytest.raises(NotFinite):
            detections(given, SPEC, height=HEIGHT, width=WIDTH, classes=(11,))
