"""The places of labels: inside the image, off the boxes and off each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.dicom.geometry import Box
from node.dicom.graphic_annotation import label_places

LABEL = "AI 1: 54.3 %"


def is_inside(place: Box, rows: int, columns: int) -> bool:
    return 0 <= place.x0 < place.x1 <= columns and 0 <= place.y0 < place.y1 <= rows


def overlap(one: Box, other: Box) -> bool:
    return min(one.x1, other.x1) > max(one.x0, other.x0) and min(one.y1, other.y1) > max(
        one.y0, other.y0
    )


# Letters of 76 pixels in 3328 rows: a label is 456 wide and 114 high.
@pytest.mark.parametrize(
    ("box", "corner"),
    [
        (Box(900, 800, 1200, 1100), (900, 686)),  # above, from the left
        (Box(900, 60, 1200, 360), (900, 360)),  # no room above: below
        (Box(2300, 800, 2500, 1100), (2104, 686)),  # moved in from the right border
        (Box(0, 0, 1000, 3328), (1000, 0)),  # as high as the image: beside
        (Box(0, 0, 2560, 3328), (0, 0)),  # as large as the image: inside
    ],
)
def test_a_label_stands_above_its_box_or_where_there_is_room(
    box: Box, corner: tuple[int, int]
) -> None:
    (place,) = label_places([LABEL], [box], rows=3328, columns=2560)

    assert place == Box(*corner, corner[0] + 456, corner[1] + 114)


def test_labels_of_boxes_close_together_cover_neither_each_other_nor_a_box() -> None:
    boxes = [Box(900, 800, 950, 900), Box(960, 800, 1010, 900), Box(900, 560, 1300, 700)]

    places = label_places([LABEL] * 3, boxes, rows=3328, columns=2560)

    for place in places:
        assert not any(overlap(place, other) for other in places if other is not place)
        assert not any(overlap(place, box) for box in boxes)


@given(
    rows=st.integers(1, 4096),
    columns=st.integers(1, 4096),
    shares=st.lists(st.tuples(*[st.floats(0, 1, allow_nan=False)] * 4), min_size=1, max_size=5),
)
def test_every_label_lies_inside_the_image(
    rows: int, columns: int, shares: list[tuple[float, float, float, float]]
) -> None:
    boxes = [
        Box(min(a, b) * columns, min(c, d) * rows, max(a, b) * columns, max(c, d) * rows)
        for a, b, c, d in shares
    ]

    places = label_places([LABEL] * len(boxes), boxes, rows=rows, columns=columns)

    assert len(places) == len(boxes)
    assert all(is_inside(place, rows, columns) for place in places)
