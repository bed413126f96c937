"""A page with pictures hung side by side, and what is to be said above and below them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from node.dicom.plates import (
    BLACK,
    LEAST_LETTER,
    Area,
    Plate,
    broken,
    draw_plate,
    set_broken,
    set_line,
    set_lines,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LETTER: Final = 1 / 80  # of the longest side
_TITLE: Final = 1.6  # letters
_NOTES: Final = 0.35  # of the longest side, at most
_NARROWEST: Final = 0.6  # of the longest side
_SMALLEST: Final = 1024  # however small its pictures are, if it may be so long
_ROOM_FOR_TEXT: Final = 1.25  # of what the pictures take
_EXTREME: Final = (0.4, 1.6)  # width to height; what lies beyond leaves a part of its place free
_WORDS_ALONE: Final = 2.5
_OUTLINE: Final = (90, 90, 90)
_MORE: Final = "And more: the report names all."


@dataclass(frozen=True, slots=True)
class Cell:
    """What hangs in one place: a picture of (rows, columns), or words instead of it.

    ``draw`` gives the picture at the size asked for, with labels in letters of so many
    pixels; it is called once, in its turn, so that no more than one picture need be in
    memory.
    """

    caption: str
    size: tuple[int, int] = (0, 0)
    words: tuple[str, ...] = ()
    draw: Callable[[tuple[int, int], int], Image.Image] | None = None


Row = tuple[Cell | None, Cell | None]
"""Cells back to back: that on the left stands against its right edge."""


class _Grid(NamedTuple):
    """Rows of cells, in so many columns of rows; a cell is ``width`` by ``height``."""

    columns: int
    rows: int
    cells: int  # in a row
    width: int
    height: int
    caption: int
    gap: int

    @property
    def seam(self) -> int:
        """Between chest walls."""
        return self.gap // 8

    @property
    def row_width(self) -> int:
        return self.cells * self.width + self.seam

    @property
    def whole(self) -> tuple[int, int]:
        """Width and height."""
        width = self.columns * (self.row_width + self.gap) - self.gap
        return max(width, 0), self.rows * (self.caption + self.height + self.gap)


def draw_page(
    rows: Sequence[Row], *, title: str, headline: str, notes: Sequence[str], long_side: int
) -> NDArray[np.uint8]:
    """Draw a page of at most ``long_side`` by ``long_side`` pixels.

    Pictures are as large as the page allows, in their order: down the first column of
    rows, then the next. Text is never smaller than can be read while there is room.

    Returns
    -------
    NDArray[np.uint8]
        (rows, columns, 3) RGB.
    """
    long_side = min(long_side, _sensible(rows))
    letter = max(LEAST_LETTER, round(long_side * _LETTER))

    def text(width: int) -> tuple[Plate, Plate, Plate]:
        return (
            set_broken([title], round(letter * _TITLE), width, long_side),
            set_broken([headline], letter, width, long_side),
            _notes(notes, letter, width, round(long_side * _NOTES)),
        )

    narrowest = round(long_side * _NARROWEST)
    room = long_side - sum(plate.height for plate in text(narrowest))
    grid = _grid(rows, long_side, room, letter)
    width = max(narrowest, grid.whole[0])
    above, below, notes_plate = text(width)
    top = above.height + below.height
    canvas = Image.new("RGB", (width, top + grid.whole[1] + notes_plate.height), BLACK)
    _put(canvas, above, 0, 0)
    _put(canvas, below, 0, above.height)
    left = (width - grid.whole[0]) // 2
    for place, row in enumerate(rows):
        column, line = divmod(place, grid.rows)
        x = left + column * (grid.row_width + grid.gap)
        y = top + line * (grid.caption + grid.height + grid.gap)
        _draw_row(canvas, row, grid, x, y, letter)
    _put(canvas, notes_plate, 0, top + grid.whole[1])
    return np.asarray(canvas)


def _cells(rows: Sequence[Row]) -> list[Cell]:
    return [cell for row in rows for cell in row if cell is not None]


def _cells_in_a_row(rows: Sequence[Row]) -> int:
    """Give 1 where every row has but one side of the page, the same in all."""
    return 2 if any(row[0] for row in rows) and any(row[1] for row in rows) else 1


def _sensible(rows: Sequence[Row]) -> int:
    """Give the longest side of a page on which no picture need be reduced."""
    sizes = [cell.size for cell in _cells(rows) if cell.draw is not None]
    if not sizes:
        return _SMALLEST
    tallest, widest = (max(size[axis] for size in sizes) for axis in (0, 1))
    cells = _cells_in_a_row(rows)
    longest = min(
        max(columns * cells * widest, math.ceil(len(rows) / columns) * tallest)
        for columns in range(1, len(rows) + 1)
    )
    return max(_SMALLEST, round(longest * _ROOM_FOR_TEXT))


def _grid(rows: Sequence[Row], width: int, height: int, letter: int) -> _Grid:
    """Choose the columns of rows that let the pictures be largest."""
    caption = set_lines(["X"], letter).height
    if not rows:
        return _Grid(0, 0, 1, 0, 0, caption, letter)
    cells = _cells_in_a_row(rows)
    pictures = [cell.size for cell in _cells(rows) if cell.draw is not None]
    shape = _WORDS_ALONE
    if pictures:
        shape = min(max(median(w / h for h, w in pictures), _EXTREME[0]), _EXTREME[1])
    choices = []
    # One column of rows at least two high: MLO hangs under CC, never beside it.
    for columns in range(1, len(rows) // 2 + 1) if len(rows) > 1 else (1,):
        lines = math.ceil(len(rows) / columns)
        high = height / lines - caption - letter
        wide = (width - 2 * columns * letter) / (columns * cells)
        fits = max(1, math.floor(min(wide, high * shape)))
        tall = max(1, math.floor(fits / shape))
        choices.append(_Grid(columns, lines, cells, fits, tall, caption, letter))
    return max(choices, key=lambda grid: grid.width)


def _draw_row(canvas: Image.Image, row: Row, grid: _Grid, x: int, y: int, letter: int) -> None:
    if grid.cells == 1:
        _draw_cell(canvas, row[0] or row[1], grid, (x, y), letter, to_the_right=False)
        return
    _draw_cell(canvas, row[0], grid, (x, y), letter, to_the_right=True)
    _draw_cell(canvas, row[1], grid, (x + grid.width + grid.seam, y), letter, to_the_right=False)


def _draw_cell(
    canvas: Image.Image,
    cell: Cell | None,
    grid: _Grid,
    corner: tuple[int, int],
    letter: int,
    *,
    to_the_right: bool,
) -> None:
    """Draw the caption at the side away from the chest wall, and below it what there is."""
    if cell is None:
        return
    x, y = corner
    caption = set_line(cell.caption, letter, grid.width)
    _put(canvas, caption, x if to_the_right else x + grid.width - caption.width, y)
    y += grid.caption
    if cell.draw is None:
        edge = max(1, letter // 8)
        frame = (x, y, x + grid.width - 1, y + grid.height - 1)
        ImageDraw.Draw(canvas).rectangle(frame, outline=_OUTLINE, width=edge)
        inside = grid.width - 4 * edge
        words = set_broken(cell.words, letter, inside, grid.height - 4 * edge)
        _put(canvas, words, x + 2 * edge, y + 2 * edge)
        return
    rows, columns = cell.size
    scale = min(grid.height / rows, grid.width / columns)
    size = max(1, round(rows * scale)), max(1, round(columns * scale))
    free = grid.width - size[1]
    canvas.paste(cell.draw(size, letter), (x + free if to_the_right else x, y))


def _notes(notes: Sequence[str], letter: int, width: int, height: int) -> Plate:
    """Set the notes smaller where they are many, and name where to read on if too many."""
    plate = set_broken(notes, letter, width, height)
    if plate.height <= height:
        return plate
    size = plate.font.size
    last = broken([_MORE], round(size), width)
    line_height = plate.height / len(plate.lines)
    kept = max(1, int(height / line_height) - len(last) - 1)
    return set_lines([*plate.lines[:kept], *last], round(size))


def _put(canvas: Image.Image, plate: Plate, x: int, y: int) -> None:
    area = Area(x, y, min(x + plate.width, canvas.width), min(y + plate.height, canvas.height))
    if area.x1 > area.x0 and area.y1 > area.y0:
        draw_plate(canvas, plate, area)
