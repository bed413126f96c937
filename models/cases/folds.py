"""Cross-validation: parts of the cases that share no patient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from models.cases.case import Case

PUBLISHED_FOLDS = 5


class Fold(NamedTuple):
    """One turn of a cross-validation."""

    training: tuple[Case, ...]
    validation: tuple[Case, ...]


def split_by_patient(
    cases: Iterable[Case], *, parts: int = PUBLISHED_FOLDS, seed: int = 0
) -> tuple[tuple[Case, ...], ...]:
    """Divide cases into parts of about as many malignant images, and as many images, each.

    A patient is in one part alone. The answer depends on the cases and the seed, not on
    the order in which the cases come.

    Raises
    ------
    ValueError
        There are fewer patients than parts.
    """
    by_patient: dict[str, list[Case]] = {}
    for case in sorted(cases, key=lambda case: case.image_id):
        by_patient.setdefault(case.patient, []).append(case)
    if parts < 1 or len(by_patient) < parts:
        raise ValueError(f"{parts} parts need as many patients, there are {len(by_patient)}")
    patients = sorted(by_patient)
    shuffled = [patients[index] for index in np.random.default_rng(seed).permutation(len(patients))]
    malignant = {patient: _malignant(by_patient[patient]) for patient in patients}
    # The largest first, each to the part that has least: the small ones fill the gaps.
    shuffled.sort(key=lambda patient: (-malignant[patient], -len(by_patient[patient])))
    divided: list[list[Case]] = [[] for _ in range(parts)]
    for patient in shuffled:
        wanted = (_malignant, len) if malignant[patient] else (len, _malignant)
        least = min(divided, key=lambda part: tuple(count(part) for count in wanted))
        least.extend(by_patient[patient])
    return tuple(tuple(part) for part in divided)


def folds(
    cases: Iterable[Case], *, count: int = PUBLISHED_FOLDS, seed: int = 0
) -> tuple[Fold, ...]:
    """Give each part of ``split_by_patient`` its turn as the validation set."""
    if count < 2:
        raise ValueError(f"cross-validation needs at least 2 folds, not {count}")
    parts = split_by_patient(cases, parts=count, seed=seed)
    return tuple(
        Fold(
            training=tuple(case for other in parts if other is not part for case in other),
            validation=part,
        )
        for part in parts
    )


def _malignant(cases: Sequence[Case]) -> int:
    return sum(case.is_malignant for case in cases)
