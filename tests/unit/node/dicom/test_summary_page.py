"""A page of any number of pictures of any shape is full, in bounds and in order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from node.dicom.summary_page import Cell, Row, draw_page

NOTES = ["Model: ueda2022 1.0", "At each box: its rank, and the model's score."]


def colour(number: int) -> tuple[int, int, int]:
    """A colour that no letter has."""
    return (200, 20 * number + 5, 0)


def picture(number: int, rows: int = 3328, columns: int = 2560) -> Cell:
    def draw(size: tuple[int, int], _letter: int) -> Image.Image:
        return Image.new("RGB", (size[1], size[0]), colour(number))

    return Cell(f"view {number}", (rows, columns), draw=draw)


def page(
    rows: Sequence[Row], long_side: int = 2048, notes: Sequence[str] = NOTES
) -> NDArray[np.uint8]:
    return draw_page(rows, title="AI result", headline="Found", notes=notes, long_side=long_side)


def extent(drawn: NDArray[np.uint8], number: int) -> tuple[int, int, int, int]:
    """First and last column, first and last row of a picture."""
    rows, columns = np.nonzero((drawn == colour(number)).all(axis=2))
    return int(columns.min()), int(columns.max()), int(rows.min()), int(rows.max())


def test_four_pictures_hang_two_by_two_back_to_back() -> None:
    drawn = page([(picture(1), picture(2)), (picture(3), picture(4))])

    one, two, three, four = (extent(drawn, number) for number in (1, 2, 3, 4))
    assert 0 < two[0] - one[1] < 8
    assert 0 < four[0] - three[1] < 8
    assert (one[2], two[2]) == (two[2], one[2])
    assert three[2] > one[3]
    assert abs(one[0] - three[0]) <= 1


def test_narrow_pictures_back_to_back_leave_the_room_outside() -> None:
    drawn = page([(picture(1, 3000, 600), picture(2)), (picture(3), picture(4, 3000, 900))])

    assert extent(drawn, 2)[0] - extent(drawn, 1)[1] < 8
    assert extent(drawn, 4)[0] - extent(drawn, 3)[1] < 8


def test_mlo_hangs_under_cc_even_where_beside_it_were_more_room() -> None:
    drawn = page([(picture(n, 3000, 400), picture(n + 1, 3000, 400)) for n in (1, 3)])

    assert extent(drawn, 3)[2] > extent(drawn, 1)[3]


def test_the_first_column_is_full_before_the_second() -> None:
    drawn = page([(picture(2 * n), picture(2 * n + 1)) for n in range(4)])

    first, second, third, fourth = (extent(drawn, number) for number in (0, 2, 4, 6))
    assert second[2] > first[3]
    assert third[2] == first[2]
    assert third[0] > first[1]
    assert fourth[0] == third[0]


def test_one_picture_alone_has_the_page_to_itself() -> None:
    drawn = page([(None, picture(2))])

    left, right, top, bottom = extent(drawn, 2)
    assert (right - left + 1) * (bottom - top + 1) > 0.75 * drawn.shape[0] * drawn.shape[1]


@given(
    sizes=st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), max_size=12),
    words=st.integers(0, 3),
    long_side=st.sampled_from([512, 1024]),
    notes=st.sampled_from([1, 3, 60]),
)
@settings(max_examples=25, deadline=None)
def test_no_page_is_larger_than_asked_for_and_no_picture_is_left_out(
    sizes: list[tuple[int, int]], words: int, long_side: int, notes: int
) -> None:
    cells: list[Cell | None] = [picture(number, *size) for number, size in enumerate(sizes)]
    cells += [Cell("R CC: not analysed", words=("The pixel data cannot be decoded.",))] * words
    cells += [None] * (len(cells) % 2)
    rows: list[Row] = list(zip(cells[::2], cells[1::2], strict=True))

    drawn = page(rows, long_side, ["Not analysed: all of it, for a long reason."] * notes)

    assert max(drawn.shape) <= long_side
    assert (drawn > 150).any()
    for number, (height, width) in enumerate(sizes):
        left, right, top, bottom = extent(drawn, number)
        drawn_shape = (bottom - top + 1) / (right - left + 1)
        if min(right - left, bottom - top) > 20:
            assert drawn_shape == pytest.approx(height / width, rel=0.1)


def test_a_page_is_no_larger_than_its_pictures_need() -> None:
    drawn = page([(picture(1, 331, 257), picture(2, 331, 257))], 16384)

    assert max(drawn.shape) <= 1024


def test_too_many_notes_are_cut_and_the_page_says_so() -> None:
    few = page([(picture(1), picture(2))], 512)
    many = page([(picture(1), picture(2))], 512, ["a reason of many words"] * 80)
    more = page([(picture(1), picture(2))], 512, ["a reason of many words"] * 90)

    assert extent(many, 1)[3] - extent(many, 1)[2] > 100
    assert max(many.shape) <= 512
    assert (many == more).all()
    assert few.shape != many.shape


def test_each_picture_is_drawn_once_and_before_the_next() -> None:
    drawn: list[str] = []

    def cell(name: str) -> Cell:
        def draw(size: tuple[int, int], _letter: int) -> Image.Image:
            drawn.append(name)
            return Image.new("RGB", (size[1], size[0]))

        return Cell(name, (100, 80), draw=draw)

    page([(cell("one"), cell("two")), (cell("three"), None)])

    assert drawn == ["one", "two", "three"]
