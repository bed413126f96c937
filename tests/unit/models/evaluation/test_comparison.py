"""Two detectors on the same cases."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.bootstrap import draw_patients, replicate
from models.evaluation.comparison import compare, mcnemar
from models.evaluation.detections import ScoredBox
from models.evaluation.errors import EvaluationError
from models.evaluation.evaluation import Evaluation, evaluate
from models.evaluation.settings import EvaluationSettings
from tests.annotated import Annotated, annotated, cancer, image_sets, split

HIT, NOWHERE = (0.0, 0.0, 4.0, 4.0), (20.0, 30.0, 28.0, 40.0)
SETTINGS = EvaluationSettings(at_false_positives=(0.5,), replicates=200)


def evaluated(images: list[Annotated], settings: EvaluationSettings = SETTINGS) -> Evaluation:
    return evaluate(*split(images), settings)


def detector(hits: int, false: int) -> list[Annotated]:
    """Make ten malignant images, so many of them hit, and ten others, so many with a box."""
    return [
        *(
            annotated(
                f"m{n}",
                [cancer(*HIT)],
                [ScoredBox(*HIT, 0.8)] if n < hits else [],
                patient=f"P{n:02}",
            )
            for n in range(10)
        ),
        *(
            annotated(
                f"n{n}", [], [ScoredBox(*NOWHERE, 0.9)] if n < false else [], patient=f"Q{n:02}"
            )
            for n in range(10)
        ),
    ]


@given(image_sets())
def test_a_detector_does_not_differ_from_itself(images: list[Annotated]) -> None:
    ours = evaluated(images)
    found = compare(ours, ours)

    differences = [found.area, *(each.sensitivity for each in found.sensitivities)]
    assert all(each.change.value in (0, None) for each in differences)
    assert all(each.change.interval in ((0, 0), None) for each in differences)
    assert all(each.p_value is None for each in found.disagreements)


def test_the_change_is_the_second_minus_the_first() -> None:
    """No false positives: the area is the share of the cancers that are hit."""
    found = compare(evaluated(detector(4, 0)), evaluated(detector(9, 0)))

    assert (found.area.first, found.area.second) == (pytest.approx(0.4), pytest.approx(0.9))
    assert found.area.change.value == pytest.approx(0.5)
    assert found.sensitivities[0].sensitivity.change.value == pytest.approx(0.5)


def test_the_interval_of_the_change_is_of_the_same_patients_for_both() -> None:
    """Drawn apart, the interval of two equal detectors would not be a point."""
    first, second = evaluated(detector(4, 1)), evaluated(detector(9, 3))

    change = compare(first, second).area.change.interval

    times = draw_patients(20, 200, seed=0)
    areas = [replicate(each.outcomes, times, points=(), limit=1).areas for each in (first, second)]
    expected = np.percentile(areas[1] - areas[0], [2.5, 97.5])
    assert change == pytest.approx(tuple(expected))


def test_images_on_which_only_one_is_right_are_counted() -> None:
    """By Youden both show everything: 4 and 9 of the malignant images, 8 and 7 of the others."""
    found = compare(evaluated(detector(4, 2)), evaluated(detector(9, 3))).disagreements

    counts = {(d.threshold, d.images): (d.total, d.only_first, d.only_second) for d in found}
    assert counts["youden", "malignant"] == (10, 0, 5)
    assert counts["youden", "others"] == (10, 1, 0)
    assert found[0].p_value == pytest.approx(2 * 0.5**5)


@given(st.integers(0, 30), st.integers(0, 30))
def test_mcnemar_is_twice_the_smaller_tail_of_a_fair_coin(b: int, c: int) -> None:
    n = b + c
    tail = sum(comb(n, k) for k in range(min(b, c) + 1)) / 2**n

    expected = None if n == 0 else pytest.approx(min(1, 2 * tail))
    assert mcnemar(b, c) == expected


def test_other_cases_cannot_be_compared() -> None:
    with pytest.raises(EvaluationError, match="the same cases"):
        compare(evaluated(detector(4, 0)), evaluated(detector(4, 0)[1:]))


def test_other_settings_cannot_be_compared_but_for_the_threshold_in_service() -> None:
    ours = evaluated(detector(4, 0))
    given_one = EvaluationSettings(at_false_positives=(0.5,), replicates=200, threshold=0.4)

    assert compare(ours, evaluated(detector(4, 0), given_one)).area.change.value == 0
    with pytest.raises(EvaluationError, match="the same settings"):
        compare(ours, evaluated(detector(4, 0), EvaluationSettings(replicates=200)))
