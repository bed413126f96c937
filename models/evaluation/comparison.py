"""Two detectors on the same cases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.evaluation import bootstrap, froc
from models.evaluation.bootstrap import Estimate, draw_patients, percentile_interval
from models.evaluation.decisions import is_called
from models.evaluation.errors import EvaluationError
from models.evaluation.evaluation import OPERATING, YOUDEN, Evaluation


class Difference(NamedTuple):
    """One figure of both; ``change`` is the second minus the first, interval by patient."""

    first: float | None
    second: float | None
    change: Estimate


class SensitivityDifference(NamedTuple):
    """Both curves at so many false positives per image."""

    false_positives: float
    sensitivity: Difference


class Disagreement(NamedTuple):
    """Images that only one of the two called rightly.

    ``threshold`` names it, each detector has its own; ``images`` are ``malignant`` or
    ``others``. ``p_value`` is McNemar's exact one, None when they nowhere disagree.
    """

    threshold: str
    images: str
    total: int
    only_first: int
    only_second: int
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The second detector against the first."""

    area: Difference
    sensitivities: tuple[SensitivityDifference, ...]
    disagreements: tuple[Disagreement, ...]


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Compare two evaluations of the same cases with the same settings.

    Raises
    ------
    EvaluationError
        The cases or the settings differ.
    """
    if [each.case for each in first.images] != [each.case for each in second.images]:
        raise EvaluationError(("only evaluations of the same cases can be compared",))
    settings = first.settings
    # Each detector has its own threshold in service.
    if replace(settings, threshold=None) != replace(second.settings, threshold=None):
        raise EvaluationError(("only evaluations with the same settings can be compared",))
    limit, points = settings.most_false_positives, settings.at_false_positives
    outcomes = (first.outcomes, second.outcomes)
    # The same patients are drawn for both: what is compared is paired.
    times = draw_patients(outcomes[0].patient_count, settings.replicates, seed=settings.seed)
    drawn = [bootstrap.replicate(each, times, points=points, limit=limit) for each in outcomes]

    def difference(values: list[float | None], replicates: list[NDArray[np.float64]]) -> Difference:
        change = percentile_interval(replicates[1] - replicates[0], settings.confidence)
        return Difference(values[0], values[1], Estimate(_minus(values[1], values[0]), change))

    return Comparison(
        area=difference(
            [froc.partial_area(each, limit=limit) for each in outcomes],
            [each.areas for each in drawn],
        ),
        sensitivities=tuple(
            SensitivityDifference(
                point,
                difference(
                    [froc.sensitivity_at(each, point) for each in outcomes],
                    [each.sensitivities[:, column] for each in drawn],
                ),
            )
            for column, point in enumerate(points)
        ),
        disagreements=tuple(_disagreements(first, second)),
    )


def mcnemar(only_first: int, only_second: int) -> float | None:
    """Give the exact two-sided p-value; None when the two nowhere disagree."""
    if only_first + only_second == 0:
        return None
    from scipy.stats import binomtest

    return float(binomtest(only_first, only_first + only_second, 0.5).pvalue)


def _disagreements(first: Evaluation, second: Evaluation) -> Iterator[Disagreement]:
    for name in (YOUDEN, OPERATING):
        judged = [each.judgement(name) for each in (first, second)]
        if judged[0] is None or judged[1] is None:
            continue
        for is_malignant, images in ((True, "malignant"), (False, "others")):
            right = [
                tuple(
                    is_called(image, judgement.threshold) == is_malignant
                    for image, judgement in zip(pair, judged, strict=True)
                    if judgement is not None
                )
                for pair in zip(first.images, second.images, strict=True)
                if pair[0].case.is_malignant == is_malignant
            ]
            only_first, only_second = right.count((True, False)), right.count((False, True))
            yield Disagreement(
                name,
                images,
                len(right),
                only_first,
                only_second,
                mcnemar(only_first, only_second),
            )


def _minus(second: float | None, first: float | None) -> float | None:
    return None if first is None or second is None else second - first
