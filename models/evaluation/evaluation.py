"""From cases and boxes to every figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.cases.case import BENIGN, Case
from models.evaluation import bootstrap, froc
from models.evaluation.bootstrap import Estimate, draw_patients, percentile_interval
from models.evaluation.breakdown import Group, break_down, count_found
from models.evaluation.decisions import Counts, count_at, youden_threshold
from models.evaluation.detections import ImageDetections
from models.evaluation.errors import EvaluationError
from models.evaluation.froc import Curve, OperatingPoint
from models.evaluation.matching import MatchedImage, match
from models.evaluation.outcomes import Outcomes
from models.evaluation.proportions import Proportion
from models.evaluation.settings import EvaluationSettings

OPERATING: Final = "operating"
YOUDEN: Final = "youden"
GIVEN: Final = "given"

_BAND_POINTS: Final = 101


class Total(NamedTuple):
    """How much was looked at."""

    images: int
    malignant_images: int
    patients: int
    lesions: int
    benign: int
    boxes: int


class SensitivityAt(NamedTuple):
    """The curve at so many false positives per image."""

    false_positives: float
    sensitivity: Estimate


class Band(NamedTuple):
    """Pointwise interval of the curve; (points,) each."""

    false_positives: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one threshold gives, by cancer and by image.

    ``name`` is ``OPERATING`` (for the wanted false positives), ``YOUDEN`` or ``GIVEN``.
    """

    name: str
    threshold: float
    found: Proportion
    false_positives: Estimate
    counts: Counts


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Every figure of one detector on some cases; None where one is not defined."""

    settings: EvaluationSettings
    images: tuple[MatchedImage, ...]
    outcomes: Outcomes
    total: Total
    curve: Curve | None
    band: Band | None
    area: Estimate
    sensitivities: tuple[SensitivityAt, ...]
    most_sensitive: OperatingPoint | None
    judgements: tuple[Judgement, ...]
    groups: tuple[Group, ...]

    def judgement(self, name: str) -> Judgement | None:
        """Give the threshold of this name, None when there is none."""
        return next((each for each in self.judgements if each.name == name), None)


def evaluate(
    cases: Sequence[Case],
    detections: Mapping[str, ImageDetections],
    settings: EvaluationSettings | None = None,
) -> Evaluation:
    """Judge the boxes of a detector.

    Parameters
    ----------
    cases : sequence of Case
        At least one, each image once.
    detections : mapping of str to ImageDetections
        By the image's ``image_id``. All boxes from the detector's score floor up: the
        curve ends where they end.

    Raises
    ------
    EvaluationError
        An image has no detections, or a finding lies outside its image.
    """
    settings = settings or EvaluationSettings()
    problems = tuple(_problems(cases, detections))
    if problems:
        raise EvaluationError(problems)
    images = tuple(
        match(case, detections[case.image_id], iou_threshold=settings.iou_threshold)
        for case in cases
    )
    outcomes = Outcomes.of(images)
    times = draw_patients(outcomes.patient_count, settings.replicates, seed=settings.seed)
    points = settings.at_false_positives
    limit = settings.most_false_positives
    grid = tuple(float(x) for x in np.linspace(0, limit, _BAND_POINTS))
    drawn = bootstrap.replicate(outcomes, times, points=(*points, *grid), limit=limit)
    judgements = tuple(_judgements(images, outcomes, settings, times))
    threshold = {each.name: each.threshold for each in judgements}
    return Evaluation(
        settings=settings,
        images=images,
        outcomes=outcomes,
        total=_total(images, outcomes),
        curve=froc.curve(outcomes),
        band=_band(grid, drawn.sensitivities[:, len(points) :], settings.confidence),
        area=Estimate(
            froc.partial_area(outcomes, limit=limit),
            percentile_interval(drawn.areas, settings.confidence),
        ),
        sensitivities=tuple(
            SensitivityAt(
                point,
                Estimate(
                    froc.sensitivity_at(outcomes, point),
                    percentile_interval(drawn.sensitivities[:, column], settings.confidence),
                ),
            )
            for column, point in enumerate(points)
        ),
        most_sensitive=froc.most_sensitive_point(outcomes),
        judgements=judgements,
        groups=break_down(
            images, settings, operating=threshold.get(OPERATING), youden=threshold.get(YOUDEN)
        ),
    )


def _problems(cases: Sequence[Case], detections: Mapping[str, ImageDetections]) -> Iterator[str]:
    if not cases:
        yield "there are no cases"
    seen: set[str] = set()
    for case in cases:
        if case.image_id in seen:
            yield f"{case.image_id}: the image is there twice"
        seen.add(case.image_id)
        found = detections.get(case.image_id)
        if found is None:
            yield f"{case.image_id}: there are no detections of this image"
            continue
        yield from case.outside(rows=found.rows, columns=found.columns)


def _total(images: Sequence[MatchedImage], outcomes: Outcomes) -> Total:
    findings = [finding for image in images for finding in image.case.findings]
    return Total(
        images=len(images),
        malignant_images=sum(image.case.is_malignant for image in images),
        patients=outcomes.patient_count,
        lesions=outcomes.lesions,
        benign=sum(finding.pathology == BENIGN for finding in findings),
        boxes=sum(len(image.detections.boxes) for image in images),
    )


def _band(
    grid: tuple[float, ...], sensitivities: NDArray[np.float64], confidence: float
) -> Band | None:
    intervals = [percentile_interval(column, confidence) for column in sensitivities.T]
    known = [interval for interval in intervals if interval is not None]
    if len(known) < len(grid):
        return None
    return Band(
        np.array(grid),
        np.array([interval.low for interval in known]),
        np.array([interval.high for interval in known]),
    )


def _judgements(
    images: Sequence[MatchedImage],
    outcomes: Outcomes,
    settings: EvaluationSettings,
    times: NDArray[np.float64],
) -> Iterator[Judgement]:
    operating = froc.operating_point(outcomes, settings.wanted_false_positives)
    thresholds = {
        OPERATING: None if operating is None else operating.threshold,
        YOUDEN: youden_threshold(images),
        GIVEN: settings.threshold,
    }
    for name, threshold in thresholds.items():
        if threshold is None:
            continue
        at = froc.point_at(outcomes, threshold)
        false = bootstrap.replicate_false_positives(outcomes, times, threshold=threshold)
        yield Judgement(
            name,
            threshold,
            found=count_found(images, threshold),
            false_positives=Estimate(
                at.false_positives, percentile_interval(false, settings.confidence)
            ),
            counts=count_at(images, threshold),
        )
