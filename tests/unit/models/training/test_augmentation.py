"""A moved box stays on what it was drawn around."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.letterbox import Frame
from models.training import appearance
from models.training.augmentation import Affine, draw, moved_boxes, moved_image
from models.training.recipe import Border, Recipe

HEIGHT, WIDTH = 150, 110
# Of a bright square's edge after a bilinear move, in pixels.
EDGE = 1.0

small = st.floats(-0.1, 0.1)
movements = st.builds(
    Affine,
    rotation=small,
    translation=st.tuples(small, small),
    shear=small,
    scaling=st.tuples(st.floats(0.9, 1.1), st.floats(0.9, 1.1)),
    flip_x=st.booleans(),
    flip_y=st.booleans(),
)


@given(
    movement=movements,
    left=st.integers(30, 60),
    top=st.integers(40, 80),
    width=st.integers(5, 25),
    height=st.integers(5, 35),
)
def test_a_moved_box_is_around_the_moved_content(
    movement: Affine, left: int, top: int, width: int, height: int
) -> None:
    image = np.zeros((HEIGHT, WIDTH), np.uint8)
    image[top : top + height, left : left + width] = 200
    box = np.array([[left, top, left + width, top + height]], np.float64)
    matrix = movement.matrix(height=HEIGHT, width=WIDTH)

    moved = moved_image(image, matrix, height=HEIGHT, width=WIDTH, border=Border.BLACK)

    (found,) = moved_boxes(matrix, box)
    rows, columns = np.nonzero(moved > 1)
    content = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    inside = np.clip(found, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
    np.testing.assert_array_less(np.abs(content - inside), EDGE + 0.5)


def test_a_flip_is_a_flip_to_the_pixel() -> None:
    """Without the half pixel of OpenCV's counting, all would also shift by one."""
    image = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8)
    matrix = Affine(flip_x=True).matrix(height=HEIGHT, width=WIDTH)

    moved = moved_image(image, matrix, height=HEIGHT, width=WIDTH, border=Border.BLACK)

    np.testing.assert_array_equal(moved, image[:, ::-1])


def test_what_comes_in_from_outside_is_the_edge_or_black() -> None:
    image = np.full((HEIGHT, WIDTH), 90, np.uint8)
    matrix = Affine(translation=(0.1, 0.0)).matrix(height=HEIGHT, width=WIDTH)

    edges = {
        border: moved_image(image, matrix, height=HEIGHT, width=WIDTH, border=border)[0, 0]
        for border in Border
    }

    assert edges == {Border.REPLICATE: 90, Border.BLACK: 0}


def test_movements_are_drawn_from_the_published_ranges() -> None:
    generator = np.random.default_rng(0)

    drawn = [draw(Recipe(), generator) for _ in range(2000)]

    for values, low, high in (
        ([a.rotation for a in drawn], -0.1, 0.1),
        ([a.shear for a in drawn], -0.1, 0.1),
        ([a.translation[0] for a in drawn], -0.1, 0.1),
        ([a.translation[1] for a in drawn], -0.1, 0.1),
        ([a.scaling[0] for a in drawn], 0.9, 1.1),
        ([a.scaling[1] for a in drawn], 0.9, 1.1),
    ):
        assert low <= min(values) < low + 0.01
        assert high - 0.01 < max(values) <= high
    assert 0.45 < np.mean([a.flip_x for a in drawn]) < 0.55
    assert 0.45 < np.mean([a.flip_y for a in drawn]) < 0.55


def test_the_look_changes_inside_the_frame_alone() -> None:
    frame = Frame(rows=75, columns=40, height=150, width=80, top=0, left=15)
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    pixels[:, 15:95] = 100
    recipe = Recipe(brightness=0.2, contrast=0.2, gamma=0.2, noise=0.1, blur=1.5)

    found = appearance.changed(pixels, frame, recipe, np.random.default_rng(1))

    assert not found[:, :15].any()
    assert not found[:, 95:].any()
    assert found[:, 15:95].std() > 0
    assert found.min() >= 0
    assert found.max() <= 255


@pytest.mark.parametrize("name", ["brightness", "contrast", "gamma", "noise", "blur"])
def test_each_change_of_the_look_does_something(name: str) -> None:
    frame = Frame(rows=50, columns=30, height=50, width=30)
    pixels = np.random.default_rng(2).integers(40, 200, (50, 30)).astype(np.uint8)
    recipe = Recipe(**{name: 0.5})

    assert appearance.changes(recipe)
    found = appearance.changed(pixels, frame, recipe, np.random.default_rng(1))

    assert np.abs(found - pixels).max() > 0.5
    assert not appearance.changes(Recipe())
