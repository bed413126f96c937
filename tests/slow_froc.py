"""The figures of an evaluation, computed slowly and obviously: what ours must equal.

Everything is counted anew for each threshold, in fractions, straight from the words of
the convention; nothing is shared with the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from models.evaluation.detections import ScoredBox
from tests.annotated import Annotated

Edges = tuple[float, ...]
NOTHING_SHOWN = 2.0
"""A threshold above every score."""


def overlap(a: Edges, b: Edges) -> Fraction:
    """Count the unit squares that both boxes cover, and those that either does."""
    squares = [
        {(x, y) for x in range(int(e[0]), int(e[2])) for y in range(int(e[1]), int(e[3]))}
        for e in (a, b)
    ]
    return Fraction(len(squares[0] & squares[1]), len(squares[0] | squares[1]))


def hits_and_false(
    lesions: Sequence[Edges], shown: Sequence[ScoredBox], iou: Fraction
) -> tuple[set[int], int]:
    """Give which lesions are found by these boxes, and how many boxes are on none."""

    def best(box: ScoredBox) -> Fraction:
        return max((overlap(box, lesion) for lesion in lesions), default=Fraction(0))

    found: set[int] = set()
    false = 0
    for box in sorted(shown, key=lambda box: (-box.score, -best(box), box)):
        if best(box) < iou:
            false += 1
            continue
        free = [
            (overlap(box, lesion), -number)
            for number, lesion in enumerate(lesions)
            if number not in found and overlap(box, lesion) >= iou
        ]
        if free:
            found.add(-max(free)[1])
    return found, false


def shown_at(image: Annotated, threshold: float) -> list[ScoredBox]:
    return [box for box in image[1].boxes if box.score >= threshold]


def thresholds(images: Sequence[Annotated]) -> list[float]:
    scores = {box.score for _, found in images for box in found.boxes}
    return [NOTHING_SHOWN, *sorted(scores, reverse=True)]


def point(
    images: Sequence[Annotated], threshold: float, iou: Fraction
) -> tuple[Fraction, Fraction | None]:
    """Give false positives per image and sensitivity at a threshold."""
    lesions = found = false = 0
    for image in images:
        boxes = image[0].boxes
        hit, wrong = hits_and_false(boxes, shown_at(image, threshold), iou)
        lesions, found, false = lesions + len(boxes), found + len(hit), false + wrong
    sensitivity = Fraction(found, lesions) if lesions else None
    return Fraction(false, len(images)), sensitivity


def sensitivity_at(images: Sequence[Annotated], x: Fraction, iou: Fraction) -> Fraction | None:
    """Give the best sensitivity of any threshold with at most x false positives per image."""
    points = [point(images, threshold, iou) for threshold in thresholds(images)]
    reached = [sensitivity for false, sensitivity in points if false <= x]
    known = [each for each in reached if each is not None]
    return max(known) if known else None


def partial_area(images: Sequence[Annotated], limit: Fraction, iou: Fraction) -> Fraction | None:
    """Add up the staircase, step by step."""
    points = [point(images, threshold, iou) for threshold in thresholds(images)]
    corners = sorted({false for false, _ in points if false < limit} | {limit})
    area = Fraction(0)
    for left, right in pairwise(corners):
        height = sensitivity_at(images, left, iou)
        if height is None:
            return None
        area += height * (right - left)
    return area / limit


def operating_threshold(images: Sequence[Annotated], x: Fraction, iou: Fraction) -> float | None:
    """Give the lowest score that, as the threshold, makes at most x false positives per image."""
    scores = [t for t in thresholds(images)[1:] if point(images, t, iou)[0] <= x]
    return min(scores, default=None)


def image_counts(
    images: Sequence[Annotated], threshold: float, iou: Fraction
) -> tuple[int, int, int, int]:
    """Count TP, FN, TN and FP images by the published rule."""
    tp = fn = tn = fp = 0
    for image in images:
        shown = shown_at(image, threshold)
        if image[0].boxes:
            hit = bool(hits_and_false(image[0].boxes, shown, iou)[0])
            tp, fn = tp + hit, fn + (not hit)
        else:
            tn, fp = tn + (not shown), fp + bool(shown)
    return tp, fn, tn, fp


def youden(images: Sequence[Annotated], threshold: float, iou: Fraction) -> Fraction | None:
    tp, fn, tn, fp = image_counts(images, threshold, iou)
    if not tp + fn or not tn + fp:
        return None
    return Fraction(tp, tp + fn) + Fraction(tn, tn + fp) - 1


def best_youden(images: Sequence[Annotated], iou: Fraction) -> Fraction | None:
    """Give the best index of all thresholds at which anything is shown."""
    indices = [youden(images, t, iou) for t in thresholds(images)[1:]]
    return max((each for each in indices if each is not None), default=None)
