"""Replicates of patients, against evaluating the drawn patients' images one by one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.bootstrap import (
    draw_patients,
    percentile_interval,
    replicate,
    replicate_false_positives,
)
from models.evaluation.outcomes import Outcomes
from tests import slow_froc
from tests.annotated import Annotated, image_sets, matched

IOU = Fraction("0.3")


def drawn_images(images: list[Annotated], times: list[int]) -> list[Annotated]:
    """Give the images of each patient as often as it was drawn."""
    patients = sorted({case.patient for case, _ in images})
    return [
        image
        for patient, count in zip(patients, times, strict=True)
        for image in images
        if image[0].patient == patient
        for _ in range(count)
    ]


@given(image_sets(), st.integers(0, 2**32), st.fractions(Fraction(1, 4), 2, max_denominator=8))
def test_a_replicate_has_the_figures_of_its_patients(
    images: list[Annotated], seed: int, limit: Fraction
) -> None:
    outcomes = Outcomes.of(matched(images))
    times = draw_patients(outcomes.patient_count, 3, seed=seed)

    found = replicate(outcomes, times, points=(0.0, 0.5), limit=float(limit))
    false = replicate_false_positives(outcomes, times, threshold=0.5)

    for row, drawn in enumerate(times.astype(int).tolist()):
        chosen = drawn_images(images, drawn)
        expected = [
            slow_froc.partial_area(chosen, limit, IOU),
            slow_froc.sensitivity_at(chosen, Fraction(0), IOU),
            slow_froc.sensitivity_at(chosen, Fraction(1, 2), IOU),
            slow_froc.point(chosen, 0.5, IOU)[0],
        ]
        ours = [found.areas[row], *found.sensitivities[row], false[row]]
        np.testing.assert_allclose(
            ours, [np.nan if each is None else float(each) for each in expected], atol=1e-12
        )


def test_patients_are_drawn_whole_and_as_many_as_there_are() -> None:
    times = draw_patients(17, 400, seed=3)

    assert times.shape == (400, 17)
    assert (times.sum(axis=1) == 17).all()
    assert (times == np.floor(times)).all()
    assert times.mean(axis=0) == pytest.approx(np.ones(17), abs=0.25)


def test_the_seed_decides_what_is_drawn() -> None:
    assert np.array_equal(draw_patients(9, 50, seed=3), draw_patients(9, 50, seed=3))
    assert not np.array_equal(draw_patients(9, 50, seed=3), draw_patients(9, 50, seed=4))


@pytest.mark.parametrize("patients", [0, 1])
def test_fewer_than_two_patients_give_no_replicate(patients: int) -> None:
    assert draw_patients(patients, 50, seed=0).shape == (0, patients)


def test_the_interval_is_the_middle_of_the_defined_replicates() -> None:
    values = np.array([np.nan, *np.arange(101.0), np.nan])

    assert percentile_interval(values, 0.9) == pytest.approx((5, 95))


@pytest.mark.parametrize("values", [[], [0.5], [0.5, np.nan]])
def test_fewer_than_two_replicates_make_no_interval(values: list[float]) -> None:
    assert percentile_interval(np.array(values), 0.95) is None
