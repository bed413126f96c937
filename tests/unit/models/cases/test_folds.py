"""Folds share no patient, and each has its share of the cancers."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.cases.case import Box, Case, CaseFinding
from models.cases.folds import folds, split_by_patient

CANCER = CaseFinding("mass", "malignant", Box(1, 2, 3, 5))
BENIGN = CaseFinding("mass", "benign", Box(1, 2, 3, 5))


def image(patient: int, number: int, finding: CaseFinding | None = None) -> Case:
    name = f"{patient}/{number}.png"
    return Case(Path(name), name, f"P{patient}", findings=() if finding is None else (finding,))


patients = st.lists(
    st.lists(st.sampled_from([CANCER, BENIGN, None]), min_size=1, max_size=6),
    min_size=5,
    max_size=30,
).map(lambda drawn: [image(p, n, f) for p, found in enumerate(drawn) for n, f in enumerate(found)])


@given(patients, st.integers(0, 2**32))
def test_no_patient_is_in_two_parts_and_no_image_is_lost(cases: list[Case], seed: int) -> None:
    parts = split_by_patient(cases, parts=5, seed=seed)

    names = [{case.patient for case in part} for part in parts]
    assert sum(len(part) for part in names) == len({case.patient for case in cases})
    assert all(names)
    assert sorted(case.image_id for part in parts for case in part) == sorted(
        case.image_id for case in cases
    )


@given(patients, st.integers(0, 2**32))
def test_parts_differ_by_no_more_cancers_than_one_patient_has(cases: list[Case], seed: int) -> None:
    parts = split_by_patient(cases, parts=5, seed=seed)

    counts = [sum(case.is_malignant for case in part) for part in parts]
    most = max(
        sum(case.is_malignant for case in cases if case.patient == patient)
        for patient in {case.patient for case in cases}
    )
    assert max(counts) - min(counts) <= most


def test_a_hundred_patients_are_divided_evenly() -> None:
    """40 of them with two malignant images, 60 with two normal ones."""
    cases = [image(p, n, CANCER if p < 40 else None) for p in range(100) for n in range(2)]

    for part in split_by_patient(cases, parts=5, seed=1):
        assert len(part) == 40
        assert sum(case.is_malignant for case in part) == 16


def test_the_seed_alone_decides_and_not_the_order_of_the_cases() -> None:
    cases = [image(p, n, CANCER if p % 3 else None) for p in range(20) for n in range(2)]
    mixed = Random(5).sample(cases, len(cases))

    assert split_by_patient(mixed, seed=7) == split_by_patient(cases, seed=7)
    assert split_by_patient(cases, seed=8) != split_by_patient(cases, seed=7)


def test_each_part_validates_once_and_trains_with_the_others() -> None:
    cases = [image(p, 0, CANCER if p % 2 else None) for p in range(13)]

    turns = folds(cases, count=3, seed=2)

    assert [fold.validation for fold in turns] == list(split_by_patient(cases, parts=3, seed=2))
    for fold in turns:
        assert {*fold.training} | {*fold.validation} == {*cases}
        assert len(fold.training) + len(fold.validation) == len(cases)


def test_more_folds_than_patients_are_refused() -> None:
    with pytest.raises(ValueError, match="5 parts need as many patients, there are 4"):
        folds([image(p, n) for p in range(4) for n in range(9)])


def test_one_fold_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 folds"):
        folds([image(1, 0)], count=1)
