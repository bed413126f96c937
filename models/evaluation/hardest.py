"""The cancers that are hardest to find, and the false positives of the highest scores."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from models.evaluation.matching import FalsePositive, Lesion, MatchedImage


class DifficultCancer(NamedTuple):
    """A cancer and the image it is in."""

    image: MatchedImage
    lesion: Lesion


class WorstFalsePositive(NamedTuple):
    """A false positive and the image it is in."""

    image: MatchedImage
    found: FalsePositive


def difficult_cancers(
    images: Iterable[MatchedImage], *, at_most: int
) -> tuple[DifficultCancer, ...]:
    """List the cancers that were never found, then those of the lowest scores."""
    every = [DifficultCancer(image, lesion) for image in images for lesion in image.lesions]
    every.sort(
        key=lambda each: (
            -1.0 if each.lesion.score is None else each.lesion.score,
            each.image.case.image_id,
            each.lesion.finding.box,
        )
    )
    return tuple(every[:at_most])


def worst_false_positives(
    images: Iterable[MatchedImage], *, at_most: int
) -> tuple[WorstFalsePositive, ...]:
    """List the false positives by falling score."""
    every = [
        WorstFalsePositive(image, found) for image in images for found in image.false_positives
    ]
    every.sort(key=lambda each: (-each.found.box.score, each.image.case.image_id, each.found.box))
    return tuple(every[:at_most])
