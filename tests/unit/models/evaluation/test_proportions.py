"""Exact intervals, against the published table from its whole numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.decisions import FIGURES, Counts
from models.evaluation.proportions import Proportion

HOSPITAL = Counts(true_positive=189, false_negative=36, true_negative=233, false_positive=33)
PUBLISHED_HOSPITAL = {
    "accuracy": "0.86 (0.83-0.89)",
    "sensitivity": "0.84 (0.79-0.89)",
    "specificity": "0.88 (0.83-0.91)",
    "ppv": "0.85 (0.80-0.90)",
    "npv": "0.87 (0.82-0.90)",
}
PUBLISHED_CLINIC = {
    "accuracy": "0.85 (0.84-0.87)",
    "sensitivity": "0.84 (0.68-0.94)",
    "specificity": "0.85 (0.84-0.87)",
    "ppv": "0.07 (0.05-0.10)",
    "npv": "1.00 (0.99-1.00)",
}


def clinic(true_negative: int) -> Counts:
    return Counts(31, 6, true_negative, 2784 - true_negative)


def told(proportion: Proportion) -> str:
    interval = proportion.interval(0.95)
    assert interval is not None
    return f"{proportion.value:.2f} ({interval.low:.2f}-{interval.high:.2f})"


def table(counts: Counts) -> dict[str, str]:
    return {name: told(getattr(counts, name)) for name in FIGURES}


def test_the_published_table_of_the_hospital_follows_from_its_counts() -> None:
    assert table(HOSPITAL) == PUBLISHED_HOSPITAL


@pytest.mark.parametrize("true_negative", [2373, 2376, 2380])
def test_the_published_table_of_the_clinic_follows_from_its_counts(true_negative: int) -> None:
    assert table(clinic(true_negative)) == PUBLISHED_CLINIC


@pytest.mark.parametrize("true_negative", [2372, 2381])
def test_one_image_more_or_less_and_the_table_of_the_clinic_is_another(true_negative: int) -> None:
    assert table(clinic(true_negative)) != PUBLISHED_CLINIC


# Counts that add up to the hospital's 189 of 225. By the exact interval the last one's low end
# is 0.506, and no count at all gives 0.70 (0.50-0.85): the paper seems to have cut it off.
@pytest.mark.parametrize(
    ("found", "of", "published"),
    [
        (33, 34, "0.97 (0.85-1.00)"),
        (77, 86, "0.90 (0.81-0.95)"),
        (58, 75, "0.77 (0.66-0.86)"),
        (21, 30, "0.70 (0.51-0.85)"),
    ],
)
def test_the_published_sensitivities_by_density_follow_from_counts(
    found: int, of: int, published: str
) -> None:
    assert told(Proportion(found, of)) == published


def tail(part: int, whole: int, chance: float) -> float:
    """Give the chance of ``part`` or more of ``whole``."""
    return math.fsum(
        math.comb(whole, n) * chance**n * (1 - chance) ** (whole - n)
        for n in range(part, whole + 1)
    )


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_ends_where_the_binomial_tails_are_2_5_percent(
    drawn: tuple[int, int],
) -> None:
    """The definition of Clopper and Pearson, with sums of binomials."""
    part, whole = drawn
    interval = Proportion(part, whole).interval(0.95)

    assert interval is not None
    if part == 0:
        assert interval.low == 0
    else:
        assert tail(part, whole, interval.low) == pytest.approx(0.025, abs=1e-9)
    if part == whole:
        assert interval.high == 1
    else:
        assert 1 - tail(part + 1, whole, interval.high) == pytest.approx(0.025, abs=1e-9)


def test_a_part_of_nothing_is_not_defined() -> None:
    assert Proportion(0, 0).value is None
    assert Proportion(0, 0).interval(0.95) is None


def test_with_no_image_called_positive_the_ppv_is_not_defined_and_the_rest_is() -> None:
    counts = Counts(true_positive=0, false_negative=3, true_negative=4, false_positive=0)

    values = {name: getattr(counts, name).value for name in FIGURES}
    assert values == {
        "accuracy": pytest.approx(4 / 7),
        "sensitivity": 0,
        "specificity": 1,
        "ppv": None,
        "npv": pytest.approx(4 / 7),
    }
