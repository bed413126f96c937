"""Frames lie on the pixels that boxes touch; labels and footer can be read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from node.dicom.drawing import GREEN, Mark, draw, drawn_size
from node.dicom.geometry import Box

FOOTER = ["AI result - not for diagnosis", "ueda2022 1.0"]


def grey(rows: int, columns: int, value: int = 90) -> NDArray[np.uint8]:
    return np.full((rows, columns), value, np.uint8)


def green_extent(picture: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """First and last column, first and last row that have a green pixel."""
    rows, columns = np.nonzero((picture == GREEN).all(axis=2))
    return int(columns.min()), int(columns.max()), int(rows.min()), int(rows.max())


@pytest.mark.parametrize(
    ("rows", "columns", "long_side", "expected"),
    [
        (3328, 2560, 2048, (2048, 1575)),
        (2294, 1914, 2048, (2048, 1709)),
        (101, 4096, 2048, (50, 2048)),
        (331, 257, 2048, (331, 257)),
        (3328, 2560, 0, (3328, 2560)),
        (5000, 1, 100, (100, 1)),
    ],
)
def test_the_long_side_is_reduced_and_never_enlarged(
    rows: int, columns: int, long_side: int, expected: tuple[int, int]
) -> None:
    assert drawn_size(rows, columns, long_side) == expected


def test_the_frame_of_the_published_sample_lies_on_its_pixels() -> None:
    """Floor of the low edges, ceiling less one of the high ones, counted by hand."""
    box = Box(228.94, 2005.12, 736.78, 2479.36)

    picture = draw(grey(3328, 2560), [Mark(box, "54.3 %")], footer=FOOTER, long_side=0)

    assert green_extent(picture) == (228, 736, 2005, 2479)


def test_a_reduced_frame_is_mapped_with_the_sizes_really_used() -> None:
    """2294 x 1914 becomes 2048 x 1709: 1709/1914 = 0.892894, 2048/2294 = 0.892764."""
    box = Box(100.0, 200.0, 1000.0, 1900.0)

    picture = draw(grey(2294, 1914), [Mark(box, "1")], footer=FOOTER, long_side=2048)

    assert picture.shape == (2048, 1709, 3)
    # 89.29 .. 892.89 and 178.55 .. 1696.25
    assert green_extent(picture) == (89, 892, 178, 1696)


def test_the_middle_of_a_box_stays_free() -> None:
    box = Box(100, 100, 140, 130)

    picture = draw(grey(331, 257), [Mark(box, "54.3 %")], footer=FOOTER, long_side=0)

    assert (picture[103:127, 103:137] == 90).all()
    assert (picture[100:130, 100:102] == GREEN).all()


# A zero-height box at the top of a picture six pixels wide: an empty plate once hid it.
@example(rows=197, columns=32, edges=(0.0, 1.0, 0.0, 0.0), long_side=40)
@given(
    rows=st.integers(32, 300),
    columns=st.integers(32, 300),
    edges=st.tuples(*[st.floats(0, 1)] * 4),
    long_side=st.sampled_from([0, 40, 150]),
)
@settings(max_examples=80)
def test_every_box_is_drawn_inside_the_picture(
    rows: int, columns: int, edges: tuple[float, ...], long_side: int
) -> None:
    x0, x1 = sorted((edges[0] * columns, edges[1] * columns))
    y0, y1 = sorted((edges[2] * rows, edges[3] * rows))

    picture = draw(
        grey(rows, columns), [Mark(Box(x0, y0, x1, y1), "")], footer=["AI"], long_side=long_side
    )

    height, width = drawn_size(rows, columns, long_side)
    assert picture.shape == (height, width, 3)
    left, right, top, bottom = green_extent(picture)
    assert abs(left - x0 * width / columns) <= 1
    assert abs(right + 1 - x1 * width / columns) <= 1.001
    assert abs(top - y0 * height / rows) <= 1
    assert abs(bottom + 1 - y1 * height / rows) <= 1.001


def test_nothing_is_green_without_a_box() -> None:
    picture = draw(grey(331, 257, 255), [], footer=FOOTER, long_side=0)

    assert not (picture == GREEN).all(axis=2).any()


def test_the_picture_is_not_written_into() -> None:
    given_picture = grey(331, 257)

    draw(given_picture, [Mark(Box(10, 10, 50, 50), "1")], footer=FOOTER, long_side=0)

    assert (given_picture == 90).all()


def plate_pixels(picture: NDArray[np.uint8], rows: slice, columns: slice) -> tuple[int, int]:
    """Count the pixels of plates and of letters in a part of the picture."""
    part = picture[rows, columns]
    return int((part == 0).all(axis=2).sum()), int(letters(part).sum())


def letters(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Find the pixels brighter than any tissue here; small letters are never quite white."""
    return np.asarray((picture > 150).all(axis=2))


def test_the_label_stands_above_its_box_on_a_black_plate() -> None:
    picture = draw(
        grey(400, 300), [Mark(Box(100, 200, 180, 260), "1: 54.3 %")], footer=FOOTER, long_side=0
    )

    black, white = plate_pixels(picture, slice(180, 200), slice(100, 160))
    assert black > 300
    assert white > 20


def test_the_label_stands_below_when_it_would_leave_the_picture() -> None:
    picture = draw(
        grey(400, 300), [Mark(Box(100, 2, 180, 60), "1: 54.3 %")], footer=FOOTER, long_side=0
    )

    black, _ = plate_pixels(picture, slice(60, 80), slice(100, 160))
    assert black > 300


def test_labels_of_neighbours_do_not_cover_each_other() -> None:
    marks = [Mark(Box(100 + shift, 200 + shift, 180, 260), "99.9 %") for shift in (0, 3, 6)]

    alone = draw(grey(400, 300), marks[:1], footer=FOOTER, long_side=0)
    together = draw(grey(400, 300), marks, footer=FOOTER, long_side=0)

    # Footer and first label stay whole; two more labels of about its size come.
    assert (letters(together) & letters(alone)).sum() == letters(alone).sum()
    label = letters(alone)[:380].sum()
    assert letters(together).sum() - letters(alone).sum() == 2 * label


def test_the_footer_keeps_off_tissue_and_still_more_off_a_box() -> None:
    picture = grey(400, 600, 0)
    picture[200:, :] = 120  # tissue over the whole lower half
    one, both = [Mark(Box(450, 5, 590, 60), "1")], [Mark(Box(5, 5, 590, 60), "1")]

    beside = draw(picture, one, footer=FOOTER, long_side=0)
    below = draw(picture, both, footer=FOOTER, long_side=0)

    top_left, bottom = slice(0, 25), slice(375, 400)
    assert letters(beside)[top_left, :250].any()
    assert not letters(beside)[bottom].any()
    assert letters(below)[bottom].any()


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (4096, 64), (64, 4096), (1, 1), (2000, 9)])
def test_a_picture_of_any_shape_can_be_drawn_on(rows: int, columns: int) -> None:
    label = "12: 100.0 %" * 8

    picture = draw(
        grey(rows, columns),
        [Mark(Box(0, 0, columns, rows), label)],
        footer=["AI result - not for diagnosis", "n" * 500 + " 山田"],
        long_side=2048,
    )

    assert picture.shape == (*drawn_size(rows, columns, 2048), 3)
    assert picture.dtype == np.uint8


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (96, 64), (64, 128), (128, 100)])
def test_a_tiny_picture_keeps_the_warning_and_most_of_what_it_shows(
    rows: int, columns: int
) -> None:
    """The model's name stands in the header too; the warning is what must be seen."""
    footer = [FOOTER[0], "no region at or above the reporting threshold", "name " * 12]

    picture = draw(grey(rows, columns), [], footer=footer, long_side=0)
    alone = draw(grey(rows, columns), [], footer=footer[:1], long_side=0)

    assert (picture == alone).all()
    assert (picture == 90).mean() > 0.5


def test_a_label_takes_at_most_half_of_a_small_picture() -> None:
    picture = draw(grey(96, 96), [Mark(Box(4, 40, 20, 60), "1: 54.3 %")], footer=[""], long_side=0)

    assert not (picture[:30, 50:] == 0).all(axis=2).any()
