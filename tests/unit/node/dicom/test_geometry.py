from __future__ import annotations

import pytest

from node.dicom.geometry import Box, clip, closed_polyline, pixel_range


def test_a_box_around_one_pixel_is_one_wide() -> None:
    """PS3.3 C.18.6: 0.0\\0.0 is the outer corner of the first pixel."""
    box = Box(0.0, 0.0, 1.0, 1.0)

    assert (box.width, box.height) == (1.0, 1.0)
    assert pixel_range(box.x0, box.x1) == (0, 0)


@pytest.mark.parametrize(
    ("box", "clipped"),
    [
        (Box(-3, -4, 50, 60), Box(0, 0, 50, 60)),
        (Box(10, 20, 300, 400), Box(10, 20, 257, 331)),
        (Box(-1, -1, 999, 999), Box(0, 0, 257, 331)),
        (Box(10.5, 20.25, 30.75, 40.5), Box(10.5, 20.25, 30.75, 40.5)),
    ],
)
def test_a_box_is_cut_to_columns_and_rows(box: Box, clipped: Box) -> None:
    assert clip(box, rows=331, columns=257) == clipped


@pytest.mark.parametrize(
    "box", [Box(300, 0, 400, 10), Box(0, 331, 10, 400), Box(-9, 5, -1, 9), Box(0, -9, 5, 0)]
)
def test_a_box_outside_the_image_is_empty_once_it_is_cut(box: Box) -> None:
    assert clip(box, rows=331, columns=257).is_empty


def test_the_polyline_goes_round_clockwise_and_closes() -> None:
    assert closed_polyline(Box(1, 2, 30, 40)) == [(1, 2), (30, 2), (30, 40), (1, 40), (1, 2)]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(228.9, 736.8, (228, 736)), (2005.1, 2479.4, (2005, 2479)), (5.0, 6.0, (5, 5))],
)
def test_an_edge_touches_the_pixels_it_lies_in(
    low: float, high: float, expected: tuple[int, int]
) -> None:
    assert pixel_range(low, high) == expected
