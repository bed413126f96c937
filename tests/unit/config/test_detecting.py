"""The detector's settings that depend on each other."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from config.detecting import DetectorSettings
from config.settings import Settings

GRADED = {"ward": {"objects": ["cad_sr"], "cad_sr": {"form": "graded"}}}


@pytest.mark.parametrize("falling", [(), (0.2,), (0.2, 0.1), (0.29, 0.28, 0.1)])
def test_thresholds_of_candidates_fall(falling: tuple[float, ...]) -> None:
    settings = DetectorSettings(score_threshold=0.3, candidate_thresholds=falling)

    assert settings.candidate_thresholds == falling


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ((0.1, 0.2), "below the one before it"),
        ((0.2, 0.2), "below the one before it"),
        ((0.3, 0.2), r"0\.3 is not below detector\.score_threshold, 0\.3"),
        ((0.4,), r"0\.4 is not below detector\.score_threshold, 0\.3"),
        ((0.0,), "greater than 0"),
    ],
)
def test_other_thresholds_of_candidates_are_a_problem(wrong: tuple[float, ...], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        DetectorSettings(score_threshold=0.3, candidate_thresholds=wrong)


def test_a_graded_report_without_thresholds_is_a_problem_that_names_its_profile() -> None:
    with pytest.raises(ValidationError, match=r"detector\n.*is to be graded in the profile ward"):
        Settings.model_validate({"profiles": GRADED})


def test_a_graded_report_with_thresholds_is_none() -> None:
    settings = Settings.model_validate(
        {"profiles": GRADED, "detector": {"candidate_thresholds": [0.2]}}
    )

    assert settings.detector.candidate_thresholds == (0.2,)


def test_a_graded_form_that_is_not_sent_needs_none() -> None:
    profiles = {"ward": {**GRADED["ward"], "objects": ["overlay"]}}

    assert Settings.model_validate({"profiles": profiles}).detector.candidate_thresholds == ()
