"""Which boxes are shown: the model's own operating point, unless a setting says otherwise."""

from __future__ import annotations

from typing import NamedTuple

from config.settings import DetectorSettings
from models.spec import ModelSpec


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
