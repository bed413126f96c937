"""Images as a whole: called positive or negative, rightly or wrongly.

The published rule: a malignant image is a true positive when a box hits a cancer, else
a false negative, boxes elsewhere or not; an image without a cancer is a true negative
when it has no box, else a false positive.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.evaluation.matching import MatchedImage
from models.evaluation.outcomes import NEVER
from models.evaluation.proportions import Proportion


class Counts(NamedTuple):
    """How many images were called what."""

    true_positive: int
    false_negative: int
    true_negative: int
    false_positive: int

    @property
    def sensitivity(self) -> Proportion:
        """Of the malignant images, those with a hit."""
        return Proportion(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> Proportion:
        """Of the images without a cancer, those without a box."""
        return Proportion(self.true_negative, self.true_negative + self.false_positive)

    @property
    def accuracy(self) -> Proportion:
        """Of all images, those that were called rightly."""
        return Proportion(self.true_positive + self.true_negative, sum(self))

    @property
    def ppv(self) -> Proportion:
        """Of the images called positive, the true positives."""
        return Proportion(self.true_positive, self.true_positive + self.false_positive)

    @property
    def npv(self) -> Proportion:
        """Of the images called negative, the true negatives."""
        return Proportion(self.true_negative, self.true_negative + self.false_negative)


FIGURES = ("accuracy", "sensitivity", "specificity", "ppv", "npv")
"""In the order of the published table."""


def count_at(images: Sequence[MatchedImage], threshold: float) -> Counts:
    """Count the images at a threshold; a box at the threshold is shown."""
    called = [(image.case.is_malignant, is_called(image, threshold)) for image in images]
    return Counts(
        true_positive=called.count((True, True)),
        false_negative=called.count((True, False)),
        true_negative=called.count((False, False)),
        false_positive=called.count((False, True)),
    )


def is_called(image: MatchedImage, threshold: float) -> bool:
    """Whether the image counts as positive: by a hit when malignant, else by any box."""
    score = image.deciding_score
    return score is not None and score >= threshold


def youden_threshold(images: Sequence[MatchedImage]) -> float | None:
    """Find the threshold with the largest sensitivity + specificity - 1.

    Of several the highest, which shows the fewest boxes.

    Returns
    -------
    float or None
        The score of a box; 1 when there is no box. None when there is no malignant image,
        or no other one.
    """
    malignant = _deciding(image for image in images if image.case.is_malignant)
    others = _deciding(image for image in images if not image.case.is_malignant)
    if not len(malignant) or not len(others):
        return None
    shown = {box.score for image in images for box in image.detections.boxes}
    scores = np.array(sorted(shown, reverse=True), np.float64)
    if not len(scores):
        return 1.0
    # Whole numbers: of two thresholds that are equally good neither is better by rounding.
    found = len(malignant) - np.searchsorted(malignant, scores, side="left")
    wrong = len(others) - np.searchsorted(others, scores, side="left")
    return float(scores[np.argmax(found * len(others) - wrong * len(malignant))])


def _deciding(images: Iterable[MatchedImage]) -> NDArray[np.float64]:
    scores = (image.deciding_score for image in images)
    return np.sort(np.array([NEVER if each is None else each for each in scores], np.float64))
