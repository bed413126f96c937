"""All matched images as arrays: what every figure is counted from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluation.matching import MatchedImage

NEVER = -np.inf
"""Score of a cancer that no box found, or of an image without any box."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Scores of cancers and false positives, each with the patient it belongs to.

    Parameters
    ----------
    patients : ndarray, (images,)
        Number of each image's patient, counted from 0 by the sorted names.
    lesion_scores, lesion_patients : ndarray, (lesions,)
        ``NEVER`` is the score of a cancer that no box found.
    false_scores, false_patients : ndarray, (false positives,)
        By falling score.
    shown_scores : ndarray, (boxes,)
        Every distinct score of every box: the thresholds that make a difference.
    """

    patients: NDArray[np.intp]
    lesion_scores: NDArray[np.float64]
    lesion_patients: NDArray[np.intp]
    false_scores: NDArray[np.float64]
    false_patients: NDArray[np.intp]
    shown_scores: NDArray[np.float64]

    @classmethod
    def of(cls, images: Sequence[MatchedImage]) -> Outcomes:
        """Gather matched images, all of one evaluation or of one group of it."""
        names = sorted({image.case.patient for image in images})
        number = {name: index for index, name in enumerate(names)}
        patients = [number[image.case.patient] for image in images]
        lesions = [
            (NEVER if lesion.score is None else lesion.score, patient)
            for image, patient in zip(images, patients, strict=True)
            for lesion in image.lesions
        ]
        false = [
            (found.box.score, patient)
            for image, patient in zip(images, patients, strict=True)
            for found in image.false_positives
        ]
        false.sort(key=lambda pair: -pair[0])
        shown = {box.score for image in images for box in image.detections.boxes}
        return cls(
            patients=np.array(patients, np.intp),
            lesion_scores=np.array([score for score, _ in lesions], np.float64),
            lesion_patients=np.array([patient for _, patient in lesions], np.intp),
            false_scores=np.array([score for score, _ in false], np.float64),
            false_patients=np.array([patient for _, patient in false], np.intp),
            shown_scores=np.array(sorted(shown, reverse=True), np.float64),
        )

    @property
    def images(self) -> int:
        """How many images there are."""
        return len(self.patients)

    @property
    def patient_count(self) -> int:
        """How many patients the images are of."""
        return int(self.patients.max(initial=-1)) + 1

    @property
    def lesions(self) -> int:
        """How many cancers there are to be found."""
        return len(self.lesion_scores)

    def false_at(self, thresholds: NDArray[np.float64]) -> NDArray[np.intp]:
        """Count the false positives at or above each threshold."""
        ascending = self.false_scores[::-1]
        return len(ascending) - np.searchsorted(ascending, thresholds, side="left")

    def found_at(self, thresholds: NDArray[np.float64]) -> NDArray[np.intp]:
        """Count the cancers that are found at each threshold."""
        ascending = np.sort(self.lesion_scores)
        return len(ascending) - np.searchsorted(ascending, thresholds, side="left")
