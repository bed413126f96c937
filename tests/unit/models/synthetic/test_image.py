"""Synthetic mammograms: the same numbers give the same image, and boxes hold the lesions."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from models.synthetic.image import Mammogram, make_image
from models.synthetic.lesions import Kind
from models.synthetic.outline import View

CALM = 30
"""Grey levels of noise that compression may add where nothing was drawn."""


@cache
def with_lesion(kind: Kind) -> tuple[Mammogram, Mammogram]:
    """An image with one lesion of a kind, and the same one without."""
    return make_image(3, 0, kind=kind), make_image(3, 0, kind=kind, lesions=False)


def test_the_same_seed_and_index_give_the_same_image() -> None:
    first, second = make_image(7, 5), make_image(7, 5)

    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert first.lesions == second.lesions


def test_an_image_does_not_depend_on_those_made_before_it() -> None:
    alone = make_image(7, 2)

    make_image(7, 0)
    after_another = make_image(7, 2)

    np.testing.assert_array_equal(alone.pixels, after_another.pixels)


@pytest.mark.parametrize(("seed", "index"), [(7, 3), (8, 2)])
def test_another_seed_or_index_gives_another_image(seed: int, index: int) -> None:
    one, other = make_image(7, 2), make_image(seed, index)

    assert one.pixels.shape != other.pixels.shape or (one.pixels != other.pixels).any()


def test_two_views_of_one_breast_share_side_density_and_source() -> None:
    first, second = make_image(5, 4), make_image(5, 5)

    assert (first.view, second.view) == (View.CC, View.MLO)
    assert (first.side, first.density, first.source) == (
        second.side,
        second.density,
        second.source,
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_what_a_lesion_changes_lies_in_its_box(kind: Kind) -> None:
    shown, without = with_lesion(kind)
    x0, y0, x1, y1 = (round(edge) for edge in shown.lesions[0].box)
    change = np.abs(shown.pixels.astype(int) - without.pixels)
    # Compression and rounding move single levels anywhere.
    change[change < 4] = 0

    assert change[y0:y1, x0:x1].sum() >= 0.95 * change.sum() > 0


@pytest.mark.parametrize("kind", list(Kind))
def test_a_box_fits_its_lesion(kind: Kind) -> None:
    shown, without = with_lesion(kind)
    x0, y0, x1, y1 = (round(edge) for edge in shown.lesions[0].box)
    change = np.abs(shown.pixels.astype(int) - without.pixels)
    rows, columns = np.nonzero(change >= 6)

    # No side of the box lies farther than a quarter of it from what was drawn.
    assert np.quantile(columns, 0.01) - x0 <= 0.25 * (x1 - x0)
    assert x1 - np.quantile(columns, 0.99) <= 0.25 * (x1 - x0)
    assert np.quantile(rows, 0.01) - y0 <= 0.25 * (y1 - y0)
    assert y1 - np.quantile(rows, 0.99) <= 0.25 * (y1 - y0)


def test_boxes_lie_in_their_images() -> None:
    for index in range(6):
        image = make_image(21, index)
        rows, columns = image.pixels.shape

        for lesion in image.lesions:
            x0, y0, x1, y1 = lesion.box
            assert 0 <= x0 < x1 <= columns, index
            assert 0 <= y0 < y1 <= rows, index


def test_the_chest_wall_of_a_left_breast_lies_at_the_left() -> None:
    sides = set()
    for index in range(0, 12, 2):
        image = make_image(2, index)
        rows, columns = image.pixels.shape
        if rows == columns:
            continue  # padded
        middle = image.pixels[rows // 3 : -rows // 3, 20:-20].astype(float)
        half = middle.shape[1] // 2
        left, right = middle[:, :half].mean(), middle[:, half:].mean()

        assert (left > right) == (image.side == "L"), index
        sides.add(image.side)
    assert sides == {"L", "R"}


def test_images_look_like_mammograms_in_size_and_brightness() -> None:
    for index in range(2):
        image = make_image(9, index)

        assert image.pixels.dtype == np.uint8
        assert 800 <= image.pixels.shape[0] <= 960
        assert image.pixels.min() < CALM
        assert image.pixels.max() > 120


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1)])
def test_negative_numbers_are_refused(seed: int, index: int) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        make_image(seed, index)
