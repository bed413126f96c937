"""Which boxes are shown: the model's own operating point, unless a setting says otherwise."""

from __future__ import annotations

from typing import NamedTuple

from config.detecting import DetectorSettings
from models.spec import ModelSpec
from node.errors import StopError


class OperatingPoint(NamedTuple):
    """Boxes at or above the threshold are shown, the best ``max_boxes`` of an image."""

    score_threshold: float
    max_boxes: int


def operating_point(settings: DetectorSettings, spec: ModelSpec) -> OperatingPoint:
    """Give the operating point in force for a model."""
    threshold, boxes = settings.score_threshold, settings.max_boxes
    return OperatingPoint(
        spec.score_threshold if threshold is None else threshold,
        spec.max_boxes if boxes is None else boxes,
    )


def candidate_thresholds(settings: DetectorSettings, spec: ModelSpec) -> tuple[float, ...]:
    """Give the thresholds below the operating point that this model can have.

    They are set for the node's model. For another one those count that lie between its own
    floor and its own threshold.
    """
    threshold = operating_point(settings, spec).score_threshold
    return tuple(
        each for each in settings.candidate_thresholds if spec.score_floor < each < threshold
    )


def check_candidate_thresholds(settings: DetectorSettings, spec: ModelSpec) -> None:
    """Refuse thresholds that the node's model cannot have.

    Raises
    ------
    StopError
        One is not between the model's floor and the threshold in force.
    """
    wrong = set(settings.candidate_thresholds) - set(candidate_thresholds(settings, spec))
    if wrong:
        threshold = operating_point(settings, spec).score_threshold
        raise StopError(
            f"detector.candidate_thresholds: {max(wrong):g} is not between {spec.score_floor:g}, "
            f"below which the model {spec.name} keeps nothing, and {threshold:g}, the threshold "
            "in force"
        )
