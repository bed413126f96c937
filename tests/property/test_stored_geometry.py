"""Boxes in stored pixels, for any box and any image."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from node.dicom.geometry import Box, clip, closed_polyline, pixel_range

sides = st.integers(1, 30_000)
edges = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x0, x1 = sorted((draw(edges), draw(edges)))
    y0, y1 = sorted((draw(edges), draw(edges)))
    return Box(x0, y0, x1, y1)


@given(box=boxes(), rows=sides, columns=sides)
def test_a_clipped_box_lies_inside_the_image_and_stays_ordered(
    box: Box, rows: int, columns: int
) -> None:
    found = clip(box, rows=rows, columns=columns)

    assert 0 <= found.x0 <= found.x1 <= columns
    assert 0 <= found.y0 <= found.y1 <= rows


@given(box=boxes(), rows=sides, columns=sides)
def test_clipping_twice_is_clipping_once(box: Box, rows: int, columns: int) -> None:
    once = clip(box, rows=rows, columns=columns)

    assert clip(once, rows=rows, columns=columns) == once


@given(box=boxes(), rows=sides, columns=sides)
def test_the_pixels_of_a_box_are_pixels_of_the_image(box: Box, rows: int, columns: int) -> None:
    found = clip(box, rows=rows, columns=columns)
    assume(not found.is_empty)

    for low, high, side in ((found.x0, found.x1, columns), (found.y0, found.y1, rows)):
        first, last = pixel_range(low, high)
        assert 0 <= first <= last < side
        assert first <= low
        assert high <= last + 1


@given(box=boxes())
def test_the_polyline_has_five_points_and_the_boxs_extent(box: Box) -> None:
    points = closed_polyline(box)

    assert len(points) == 5
    assert points[0] == points[-1]
    assert (min(x for x, _ in points), max(x for x, _ in points)) == (box.x0, box.x1)
    assert (min(y for _, y in points), max(y for _, y in points)) == (box.y0, box.y1)
