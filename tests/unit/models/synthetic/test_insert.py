"""One lesion put into a given image: where it lies, and what stays as it was."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.synthetic.insert import NoRoomError, breast_depth, insert_lesion
from models.synthetic.lesions import Kind


def breast(rows: int = 907, columns: int = 601) -> NDArray[np.uint8]:
    """A smooth half ellipse at the left, on black."""
    image = np.zeros((rows, columns), np.uint8)
    axes = (int(columns * 0.7), int(rows * 0.4))
    cv2.ellipse(image, (0, rows // 2), axes, 0, 0, 360, 110, -1)
    blurred = cv2.GaussianBlur(image, (0, 0), 8)
    noise = np.random.default_rng(1).normal(0, 3, image.shape) * (blurred > 10)
    return np.clip(blurred + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", list(Kind))
def test_nothing_changes_away_from_the_box(kind: Kind) -> None:
    image = breast()

    altered, (x0, y0, x1, y1) = insert_lesion(image, 5, kind=kind)

    # A lesion's faint border may lie beyond its box, by half of the box at most.
    reach = round(0.5 * max(x1 - x0, y1 - y0)) + 8
    near = np.zeros(image.shape, bool)
    near[max(0, int(y0) - reach) : int(y1) + reach, max(0, int(x0) - reach) : int(x1) + reach] = 1
    np.testing.assert_array_equal(altered[~near], image[~near])
    assert (altered != image).any()


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("seed", [1, 2])
def test_most_of_the_change_lies_in_the_box(kind: Kind, seed: int) -> None:
    image = breast()

    altered, box = insert_lesion(image, seed, kind=kind)

    x0, y0, x1, y1 = (round(edge) for edge in box)
    change = np.abs(altered.astype(int) - image)
    assert change[y0:y1, x0:x1].sum() >= 0.93 * change.sum()


def test_the_image_that_was_given_stays_as_it_was() -> None:
    image = breast()
    before = image.copy()

    insert_lesion(image, 5)

    np.testing.assert_array_equal(image, before)


def test_a_seed_gives_the_same_lesion_as_a_generator_with_this_seed() -> None:
    image = breast()

    one, box = insert_lesion(image, 9)
    other, same = insert_lesion(image, np.random.default_rng(9))

    np.testing.assert_array_equal(one, other)
    assert box == same


def test_lesions_lie_within_the_breast() -> None:
    image = breast()
    depth, scale = breast_depth(image)
    for seed in range(12):
        _, (x0, y0, x1, y1) = insert_lesion(image, seed, kind=Kind.MASS)
        row, column = int((y0 + y1) / 2 / scale), int((x0 + x1) / 2 / scale)

        assert depth[row, column] > 0, seed


def test_a_lesion_is_as_large_as_the_pixels_say() -> None:
    """Twice as many pixels over the same film: twice the box, in the same place."""
    small, large = breast(600, 401), breast(1200, 802)

    _, one = insert_lesion(small, 3, kind=Kind.MASS, where=(120, 300))
    _, two = insert_lesion(large, 3, kind=Kind.MASS, where=(240, 600))

    np.testing.assert_allclose(np.array(two), 2 * np.array(one), atol=8)


def test_the_centre_lies_where_it_was_asked_for() -> None:
    _, (x0, y0, x1, y1) = insert_lesion(breast(), 3, kind=Kind.MASS, where=(150, 420))

    assert x0 < 150 < x1
    assert y0 < 420 < y1


def test_a_place_outside_the_image_is_refused() -> None:
    with pytest.raises(NoRoomError, match="outside"):
        insert_lesion(breast(), 3, where=(601, 10))


def test_an_image_without_a_breast_is_refused() -> None:
    with pytest.raises(NoRoomError, match="no breast"):
        insert_lesion(np.zeros((300, 200), np.uint8), 3)


@pytest.mark.parametrize(
    "image", [np.zeros((9, 9), np.uint16), np.zeros((9, 9, 3), np.uint8), np.zeros(9, np.uint8)]
)
def test_an_image_of_another_form_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"must be uint8, \(rows, columns\)"):
        insert_lesion(image, 3)


@pytest.mark.parametrize("pixel_mm", [0.0, -0.1, float("nan")])
def test_an_impossible_pixel_size_is_refused(pixel_mm: float) -> None:
    with pytest.raises(ValueError, match="pixel_mm must be positive"):
        insert_lesion(breast(), 3, pixel_mm=pixel_mm)
