"""Summary pages read back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydicom import FileDataset

from config.profiles import Profile
from node.dicom.findings import StudyResult
from node.dicom.summary_overlay import build_summary_overlay
from tests.results import grey_of, written


def summary_of(study: StudyResult, **options: Any) -> FileDataset:
    """Build the summary of a study; ``options`` are those of its profile."""
    profile = Profile.model_validate({"summary_overlay": {"long_side": 512, **options}})
    study = replace(study, profile=profile)
    return written(build_summary_overlay(study, lambda image: grey_of(image.header)))
