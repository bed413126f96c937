"""Lesions that nobody can see are no lesions to learn from."""

from __future__ import annotations

import numpy as np
import pytest

from models.synthetic.lesions import Kind
from models.synthetic.outline import Field
from models.synthetic.visibility import is_visible

BOX = (30.0, 20.0, 70.0, 60.0)


def tissue(level: float, *, clutter: float = 0.0) -> Field:
    noise = np.random.default_rng(2).standard_normal((90, 110), np.float32)
    return np.asarray(level + clutter * noise, np.float32)


def with_disc(clean: Field, brighter: float, *, radius: float = 18) -> Field:
    y, x = np.mgrid[: clean.shape[0], : clean.shape[1]]
    inside = np.hypot(y - 40, x - 50) < radius
    return np.asarray(clean + brighter * inside, np.float32)


def with_specks(clean: Field, brighter: float) -> Field:
    shown = clean.copy()
    shown[22:60:6, 32:70:6] += brighter
    return shown


@pytest.mark.parametrize(("brighter", "seen"), [(60, True), (10, False), (-60, False)])
def test_a_mass_must_be_brighter_than_what_is_there(brighter: float, *, seen: bool) -> None:
    clean = tissue(100)

    assert is_visible(with_disc(clean, brighter), clean, BOX, Kind.MASS) is seen


def test_a_mass_in_white_tissue_does_not_show() -> None:
    clean = tissue(250)

    assert not is_visible(with_disc(clean, 60), clean, BOX, Kind.MASS)


def test_a_mass_in_clutter_must_be_brighter_than_the_clutter() -> None:
    quiet, busy = tissue(100, clutter=5), tissue(100, clutter=40)

    assert is_visible(with_disc(quiet, 45), quiet, BOX, Kind.MASS)
    assert not is_visible(with_disc(busy, 45), busy, BOX, Kind.MASS)


def test_specks_are_measured_against_what_is_as_fine_as_they_are() -> None:
    x = np.arange(110, dtype=np.float32)
    gland = np.asarray(tissue(90) + 50 * np.sin(x / 12), np.float32)
    sand = tissue(90, clutter=50)

    assert is_visible(with_specks(gland, 90), gland, BOX, Kind.CALCIFICATION)
    assert not is_visible(with_specks(sand, 90), sand, BOX, Kind.CALCIFICATION)


def test_specks_that_are_faint_do_not_show() -> None:
    clean = tissue(90)

    assert not is_visible(with_specks(clean, 15), clean, BOX, Kind.CALCIFICATION)


def test_a_lesion_outside_the_image_does_not_show() -> None:
    clean = tissue(90)

    assert not is_visible(clean, clean, (200.0, 200.0, 220.0, 220.0), Kind.MASS)
