"""Thresholds below the operating point: which a model can have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config.detecting import DetectorSettings
from models.spec import SPECS
from node.errors import StopError
from workers.operating_point import candidate_thresholds, check_candidate_thresholds

SPEC = replace(SPECS["ueda2022"], score_threshold=0.3, score_floor=0.05)


def settings(*below: float) -> DetectorSettings:
    return DetectorSettings(candidate_thresholds=below)


def test_those_between_the_floor_and_the_models_own_threshold_do() -> None:
    check_candidate_thresholds(settings(0.29, 0.06), SPEC)

    assert candidate_thresholds(settings(0.29, 0.06), SPEC) == (0.29, 0.06)


@pytest.mark.parametrize(("wrong", "named"), [(0.3, "0.3"), (0.4, "0.4"), (0.05, "0.05")])
def test_one_that_the_nodes_model_cannot_have_stops_the_start(wrong: float, named: str) -> None:
    with pytest.raises(StopError, match=rf"candidate_thresholds: {named} is not between 0\.05, .*"):
        check_candidate_thresholds(settings(wrong), SPEC)


def test_another_model_has_those_that_fit_it() -> None:
    sharper = replace(SPEC, score_threshold=0.1)

    assert candidate_thresholds(settings(0.2, 0.08), sharper) == (0.08,)
