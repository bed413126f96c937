"""What is looked at after each epoch: the loss and the sensitivity on the validation cases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models import boxes as box_math
from models.cases.case import Case
from models.errors import NotFinite
from models.postprocess import detections
from models.training.recipe import Recipe
from models.training.samples import Samples, ahead
from models.training.trainee import Losses, Trainee

MOST_BOXES = 50
"""Of each image, the best ones: an untrained network answers a lesion everywhere."""


@dataclass(frozen=True, slots=True)
class Validation:
    """The validation cases seen by the network of one moment.

    Parameters
    ----------
    losses : Losses
        Mean over the images.
    sensitivity : float
        Share of lesions hit by a box at or above ``threshold``; NaN without a lesion.
    threshold : float
        Lowest score at which there are at most ``recipe.watch_mfpi`` false boxes an image.
    false_positives : float
        Mean false boxes an image there.
    """

    losses: Losses
    sensitivity: float
    threshold: float
    false_positives: float


@dataclass(frozen=True, slots=True)
class Scored:
    """One image: the score of each lesion (0 without a hit), and those of the false boxes."""

    lesions: NDArray[np.float32]
    false: NDArray[np.float32]


def validate(
    trainee: Trainee, samples: Samples, cases: Sequence[Case], recipe: Recipe
) -> Validation:
    """Look at every case as the detector would, without augmentation.

    Raises
    ------
    NotFinite
        The network answered NaN or infinity.
    """
    spec = replace(trainee.spec, max_detections=MOST_BOXES)
    classes = tuple(range(spec.classes))
    found: list[Losses] = []
    scored: list[Scored] = []
    made = ahead(
        lambda index: samples.plain(cases[index]), range(len(cases)), workers=recipe.workers
    )
    for case, (sample, picture) in zip(cases, made, strict=True):
        answers = trainee.answers(sample.pixels)
        losses = trainee.losses(answers, *sample.targets)
        if not math.isfinite(losses.loss):
            raise NotFinite(f"the network answered NaN or infinity for {case.image_id}")
        height, width = sample.pixels.shape[:2]
        boxes = detections(answers, spec, height=height, width=width, classes=classes)
        found.append(losses)
        scored.append(
            score(boxes.boxes, boxes.scores, picture.boxes.astype(np.float32), recipe.watch_iou)
        )
    mean = Losses(*(float(np.mean(values)) for values in zip(*found, strict=True)))
    return Validation(mean, *sensitivity_at(scored, recipe.watch_mfpi))


def score(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    lesions: NDArray[np.float32],
    least_iou: float,
) -> Scored:
    """Find the best score that hits each lesion, and the boxes that hit none."""
    best: NDArray[np.float32] = np.zeros(len(lesions), np.float32)
    hits: NDArray[np.bool_] = np.zeros(len(boxes), np.bool_)
    for index, lesion in enumerate(lesions):
        hit = box_math.iou(lesion, boxes) >= least_iou
        hits |= hit
        best[index] = scores[hit].max(initial=0)
    return Scored(best, scores[~hits])


def sensitivity_at(scored: Sequence[Scored], most_false: float) -> tuple[float, float, float]:
    """Give the sensitivity, the threshold and the mean false boxes an image there.

    The threshold is the lowest at which there are at most ``most_false`` false boxes an
    image in the mean.
    """
    false = np.sort(np.concatenate([image.false for image in scored]))[::-1]
    lesions = np.concatenate([image.lesions for image in scored])
    allowed = int(most_false * len(scored))
    # Just above the first false box that is too many; equal scores fall together.
    threshold = np.float32(0)
    if len(false) > allowed:
        threshold = np.nextafter(false[allowed], np.float32(np.inf))
    kept = float((false >= threshold).sum() / len(scored))
    if not len(lesions):
        return math.nan, float(threshold), kept
    hit = (lesions > 0) & (lesions >= threshold)
    return float(hit.mean()), float(threshold), kept
