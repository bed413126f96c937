"""Overlays read back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydicom import FileDataset

from config.profiles import OverlayOptions, Profile
from node.dicom.findings import StudyResult
from node.dicom.overlay import build_overlay
from tests.factories import make_mammogram
from tests.results import LESION, grey_of, make_study, written


def overlay_of(study: StudyResult, place: int = 0, *, long_side: int = 2048) -> FileDataset:
    image = study.images[place]
    study = with_long_side(study, long_side)
    return written(build_overlay(study, image, grey_of(image.header)))


def with_long_side(study: StudyResult, long_side: int) -> StudyResult:
    """Ask for overlays of that size."""
    return replace(study, profile=Profile(overlay=OverlayOptions(long_side=long_side)))


def overlay_of_one(long_side: int = 2048, **attributes: Any) -> FileDataset:
    return overlay_of(
        make_study([make_mammogram(**attributes)], findings={0: (LESION,)}), long_side=long_side
    )
