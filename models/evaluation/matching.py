"""Which box found which cancer, and which boxes are false positives.

The convention of free-response ROC: boxes are taken by falling score, and each finds
the cancer that it overlaps best among those not found yet, if the IoU is high enough. A
further box on a cancer that was found counts neither as a hit nor as a false positive.
Every other box is a false positive: in an image without a cancer, and beside one. A box
on a benign finding is one, too.

Taking boxes by falling score makes one matching right for every threshold: what a
threshold shows is always the beginning of the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.cases.case import Box, Case, CaseFinding
from models.evaluation.detections import ImageDetections, ScoredBox


@dataclass(frozen=True, slots=True)
class Lesion:
    """One cancer; ``hit`` is the box that found it, None when none did at any threshold."""

    finding: CaseFinding
    hit: ScoredBox | None

    @property
    def score(self) -> float | None:
        """It is found at every threshold up to this one."""
        return None if self.hit is None else self.hit.score


@dataclass(frozen=True, slots=True)
class FalsePositive:
    """A box on nothing malignant; ``is_on_benign`` when it lies on a benign finding."""

    box: ScoredBox
    is_on_benign: bool


@dataclass(frozen=True, slots=True)
class MatchedImage:
    """One case with what became of its cancers and its boxes."""

    case: Case
    detections: ImageDetections
    lesions: tuple[Lesion, ...]
    false_positives: tuple[FalsePositive, ...]

    @property
    def hit_score(self) -> float | None:
        """A cancer of the image is found at every threshold up to this one."""
        return max((each.score for each in self.lesions if each.score is not None), default=None)

    @property
    def top_score(self) -> float | None:
        """The image has a box at every threshold up to this one."""
        return max((box.score for box in self.detections.boxes), default=None)

    @property
    def deciding_score(self) -> float | None:
        """The image counts as positive up to this: by a hit when malignant, else by any box."""
        return self.hit_score if self.case.is_malignant else self.top_score


def match(case: Case, detections: ImageDetections, *, iou_threshold: float) -> MatchedImage:
    """Compare the boxes of one image with its findings; a box at ``iou_threshold`` is a hit."""
    cancers = case.malignant
    overlaps = iou_table(detections.boxes, case.boxes)
    on_benign = iou_table(
        detections.boxes, [each.box for each in case.findings if each not in cancers]
    )
    best = overlaps.max(axis=1, initial=0)
    # Boxes of one score are shown together: their order must not depend on the file's.
    order = sorted(
        range(len(detections.boxes)),
        key=lambda row: (-detections.boxes[row].score, -best[row], detections.boxes[row]),
    )
    hits: list[ScoredBox | None] = [None] * len(cancers)
    false_positives = []
    for row in order:
        if best[row] < iou_threshold:
            is_on_benign = bool(on_benign[row].max(initial=0) >= iou_threshold)
            false_positives.append(FalsePositive(detections.boxes[row], is_on_benign))
            continue
        waiting = [
            column
            for column, hit in enumerate(hits)
            if hit is None and overlaps[row, column] >= iou_threshold
        ]
        if waiting:
            chosen = max(waiting, key=lambda column: overlaps[row, column])
            hits[chosen] = detections.boxes[row]
    lesions = tuple(Lesion(finding, hit) for finding, hit in zip(cancers, hits, strict=True))
    return MatchedImage(case, detections, lesions, tuple(false_positives))


def iou_table(boxes: Sequence[ScoredBox], others: Sequence[Box]) -> NDArray[np.float64]:
    """Intersection over union of each box (rows) with each of ``others`` (columns).

    In float64, so that boxes of whole pixels are compared with a threshold exactly.
    """
    left = np.array([box[:4] for box in boxes], np.float64).reshape(-1, 1, 4)
    right = np.array(others, np.float64).reshape(1, -1, 4)
    low = np.maximum(left[..., :2], right[..., :2])
    high = np.minimum(left[..., 2:], right[..., 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    areas = [np.prod(each[..., 2:] - each[..., :2], axis=-1) for each in (left, right)]
    union = areas[0] + areas[1] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))
