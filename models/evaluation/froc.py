"""The free-response ROC curve: sensitivity against mean false positives per image.

The curve is the staircase of what thresholds really give, without lines drawn between:
the sensitivity at x false positives per image is the best of any threshold with no more
than x. A cancer therefore counts from the x at which its own score is the threshold,
which makes the area under the curve a mean over the cancers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.evaluation.outcomes import Outcomes

_ROUNDING = 1e-9
"""0.29 false positives per image in 100 images are 29, not 28.999999999999996."""


class OperatingPoint(NamedTuple):
    """What one threshold gives; a box at the threshold is shown."""

    threshold: float
    false_positives: float
    sensitivity: float | None


class Curve(NamedTuple):
    """Points by falling threshold, (points,) each; the first shows no box at all."""

    thresholds: NDArray[np.float64]
    false_positives: NDArray[np.float64]
    sensitivities: NDArray[np.float64]


def most_allowed(false_positives: float, images: float) -> float:
    """Give how many false positives in all are so many per image."""
    return float(np.floor(false_positives * images + _ROUNDING))


def curve(outcomes: Outcomes) -> Curve | None:
    """Give a point for each score that any box has; None without a cancer."""
    if not outcomes.lesions:
        return None
    thresholds = np.concatenate([[np.inf], outcomes.shown_scores])
    return Curve(
        thresholds,
        outcomes.false_at(thresholds) / outcomes.images,
        outcomes.found_at(thresholds) / outcomes.lesions,
    )


def partial_area(outcomes: Outcomes, *, limit: float) -> float | None:
    """Give the area under the curve from 0 to ``limit``, divided by ``limit``.

    Returns
    -------
    float or None
        1 when every cancer scores above every false positive; None without a cancer.
    """
    if not outcomes.lesions:
        return None
    return float(np.mean(_share_of_limit(outcomes, limit)))


def _share_of_limit(outcomes: Outcomes, limit: float) -> NDArray[np.float64]:
    """Give the part of 0..limit in which each cancer counts as found."""
    before = outcomes.false_at(outcomes.lesion_scores) / outcomes.images
    found = np.isfinite(outcomes.lesion_scores)
    return np.where(found, np.maximum(0, 1 - before / limit), 0)


def sensitivity_at(outcomes: Outcomes, false_positives: float) -> float | None:
    """Read the curve at so many false positives per image; None without a cancer."""
    if not outcomes.lesions:
        return None
    allowed = most_allowed(false_positives, outcomes.images)
    found = np.isfinite(outcomes.lesion_scores)
    return float(np.mean(found & (outcomes.false_at(outcomes.lesion_scores) <= allowed)))


def point_at(outcomes: Outcomes, threshold: float) -> OperatingPoint:
    """Tell what a threshold gives; there must be an image."""
    at = np.array([threshold])
    found = int(outcomes.found_at(at)[0])
    return OperatingPoint(
        threshold,
        int(outcomes.false_at(at)[0]) / outcomes.images,
        found / outcomes.lesions if outcomes.lesions else None,
    )


def operating_point(outcomes: Outcomes, wanted: float) -> OperatingPoint | None:
    """Find the lowest threshold with no more than ``wanted`` false positives per image.

    Returns
    -------
    OperatingPoint or None
        Its threshold is the score of a box. None when there is no box, or when the box
        of the highest score alone makes too many.
    """
    allowed = most_allowed(wanted, outcomes.images)
    possible = outcomes.shown_scores[outcomes.false_at(outcomes.shown_scores) <= allowed]
    return point_at(outcomes, float(possible[-1])) if len(possible) else None


def most_sensitive_point(outcomes: Outcomes) -> OperatingPoint | None:
    """Find the highest threshold of the best sensitivity; None when no cancer is found."""
    found = outcomes.lesion_scores[np.isfinite(outcomes.lesion_scores)]
    return point_at(outcomes, float(found.min())) if len(found) else None
