"""Figures in words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.proportions import Interval
from models.evaluation.wording import group_name, interval, number, p_value, score


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.835, "0.83"), (1.0, "1.00"), (-0.104, "−0.10"), (None, "not defined")],
)
def test_numbers_have_two_digits(value: float | None, expected: str) -> None:
    assert number(value) == expected


def test_an_interval_is_told_in_words() -> None:
    assert interval(Interval(-0.2, 0.05)) == "−0.20 to 0.05"
    assert interval(None) == ""


@given(st.floats(0, 1))
def test_a_threshold_is_told_exactly(value: float) -> None:
    """Rounded up it would not show the box that it is the score of."""
    assert float(score(value)) == value or np.float32(score(value)) == np.float32(value)


@given(st.floats(0, 1, width=32))
def test_a_score_of_the_network_is_told_in_as_few_digits_as_float32_needs(value: float) -> None:
    assert np.float32(score(value)) == np.float32(value)
    assert len(score(value).rstrip("0")) <= 20 or value < 1e-4


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0004, "below 0.001"), (0.05, "0.050"), (None, "not defined")]
)
def test_p_values_are_told_as_publications_do(value: float | None, expected: str) -> None:
    assert p_value(value) == expected


def test_groups_have_names_of_words() -> None:
    assert group_name("density", "C") == "C, heterogeneously dense"
    assert group_name("view", "MLO") == "MLO"
    assert group_name("side", "") == "not known"
