"""Intervals by drawing patients anew: images of one patient are not independent.

A replicate is a number of times for each patient. No image is matched again for it:
what a replicate needs is how many false positives of each patient score at least as
high as each cancer, which is counted once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.evaluation.outcomes import Outcomes
from models.evaluation.proportions import Interval

_AT_ONCE = 4_000_000
"""Numbers of a table of replicates and cancers that are held in memory at one time."""
_ROUNDING = 1e-9


class Estimate(NamedTuple):
    """A figure and its interval; None where it is not defined."""

    value: float | None
    interval: Interval | None


class Replicates(NamedTuple):
    """Figures of each replicate, NaN where one has no cancer; first axis (replicates,).

    ``sensitivities`` is (replicates, points): the curve at the points that were asked for.
    """

    areas: NDArray[np.float64]
    sensitivities: NDArray[np.float64]


def draw_patients(patients: int, replicates: int, *, seed: int) -> NDArray[np.float64]:
    """Draw as many patients as there are, with replacement; (replicates, patients) times.

    Of one patient nothing is drawn: there would be no telling how much patients differ.
    """
    if patients < 2:
        return np.zeros((0, patients))
    generator = np.random.default_rng(seed)
    shares = np.full(patients, 1 / patients)
    return generator.multinomial(patients, shares, size=replicates).astype(np.float64)


def replicate(
    outcomes: Outcomes, times: NDArray[np.float64], *, points: tuple[float, ...], limit: float
) -> Replicates:
    """Compute the partial area and the curve at ``points`` for each row of ``times``.

    ``times`` is (replicates, patients), ``points`` and ``limit`` are false positives per
    image.
    """
    found = np.flatnonzero(np.isfinite(outcomes.lesion_scores))
    before = _false_before(outcomes, outcomes.lesion_scores[found])
    every_lesion = _of_patients(outcomes, outcomes.lesion_patients)
    areas = np.full(len(times), np.nan)
    sensitivities = np.full((len(times), len(points)), np.nan)
    for part in _parts(len(times), max(len(found), 1)):
        chosen = times[part]
        lesions = chosen @ every_lesion
        images = chosen @ _of_patients(outcomes, outcomes.patients)
        defined = lesions > 0
        weight = chosen[:, outcomes.lesion_patients[found]]
        false = chosen @ before
        total = np.maximum(lesions, 1)
        share = np.maximum(0, 1 - false / (images[:, None] * limit))
        areas[part] = np.where(defined, (weight * share).sum(axis=1) / total, np.nan)
        for column, point in enumerate(points):
            allowed = np.floor(point * images + _ROUNDING)[:, None]
            reached = (weight * (false <= allowed)).sum(axis=1) / total
            sensitivities[part, column] = np.where(defined, reached, np.nan)
    return Replicates(areas, sensitivities)


def replicate_false_positives(
    outcomes: Outcomes, times: NDArray[np.float64], *, threshold: float
) -> NDArray[np.float64]:
    """Give the mean false positives per image at a threshold for each row of ``times``."""
    shown = outcomes.false_patients[: int(outcomes.false_at(np.array([threshold]))[0])]
    false = times @ _of_patients(outcomes, shown)
    return np.asarray(false / (times @ _of_patients(outcomes, outcomes.patients)))


def percentile_interval(values: NDArray[np.float64], confidence: float) -> Interval | None:
    """Give the middle part of the replicates; None when fewer than two are defined."""
    defined = values[np.isfinite(values)]
    if len(defined) < 2:
        return None
    tail = 50 * (1 - confidence)
    low, high = np.percentile(defined, [tail, 100 - tail])
    return Interval(float(low), float(high))


def _false_before(outcomes: Outcomes, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Count each patient's false positives at or above each score; (patients, scores)."""
    counts = np.zeros((outcomes.patient_count, len(scores)))
    sofar = np.zeros(outcomes.patient_count)
    begin = 0
    ends = outcomes.false_at(scores)
    for column in np.argsort(ends, kind="stable"):
        end = ends[column]
        sofar += _of_patients(outcomes, outcomes.false_patients[begin:end])
        counts[:, column] = sofar
        begin = end
    return counts


def _of_patients(outcomes: Outcomes, members: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.bincount(members, minlength=outcomes.patient_count).astype(np.float64)


def _parts(rows: int, width: int) -> Iterator[slice]:
    step = max(1, _AT_ONCE // width)
    return (slice(start, start + step) for start in range(0, rows, step))
