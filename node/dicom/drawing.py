"""Boxes, labels and the footer drawn on a grey picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from PIL import Image

from node.dicom.geometry import Box, pixel_range
from node.dicom.plain_text import plain
from node.dicom.plates import (
    LEAST_LETTER,
    Area,
    Plate,
    draw_plate,
    set_broken,
    set_line,
    set_lines,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

GREEN: Final = (0, 255, 0)

# Of the longest side: three pixels in the detector's 800, and never less than two.
_LINE: Final = 3 / 800
_MIN_LINE: Final = 2
# Letters, of the longest side, and of the width where the picture is narrow.
_LABEL: Final = (1 / 44, 1 / 10)
_FOOTER: Final = (1 / 64, 1 / 20)
_FOOTER_PART_LENGTH: Final = 96  # characters


@dataclass(frozen=True, slots=True)
class Mark:
    """A box in pixels of the undrawn picture, and the words beside it, if any."""

    box: Box
    label: str


def drawn_size(rows: int, columns: int, long_side: int) -> tuple[int, int]:
    """Give (rows, columns) of the drawing; 0 means full size, and nothing is enlarged."""
    longest = max(rows, columns)
    if long_side == 0 or longest <= long_side:
        return rows, columns
    scale = long_side / longest
    return max(1, round(rows * scale)), max(1, round(columns * scale))


def draw(
    grey: NDArray[np.uint8], marks: Sequence[Mark], *, footer: Sequence[str], long_side: int
) -> NDArray[np.uint8]:
    """Draw marks and footer on a copy of ``grey``.

    Parameters
    ----------
    grey : NDArray[np.uint8]
        (rows, columns), bright = dense.
    marks : Sequence[Mark]
        The most important first: its label gets the best place.
    footer : Sequence[str]
        Parts of one line, the first the one that must stay: a narrow picture breaks the
        line, a tiny one has no room for more.
    long_side : int
        Longest side of the drawing in pixels; 0 keeps the size.

    Returns
    -------
    NDArray[np.uint8]
        (rows, columns, 3) RGB. A frame's outer pixels are the floor of the box's low
        edges and the ceiling less one of its high ones; nothing but frames is green.
    """
    rows, columns = grey.shape
    return np.asarray(draw_at(grey, marks, footer, drawn_size(rows, columns, long_side)))


def draw_at(
    grey: NDArray[np.uint8],
    marks: Sequence[Mark],
    footer: Sequence[str],
    size: tuple[int, int],
    letter: int = 0,
) -> Image.Image:
    """Draw as ``draw`` does, on a picture of exactly (rows, columns).

    The footer may be empty; labels are in letters of ``letter`` pixels, 0 as the size asks.
    """
    rows, columns = grey.shape
    height, width = size
    if size != (rows, columns):
        smaller = height < rows or width < columns
        way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        grey = cv2.resize(grey, (width, height), interpolation=way).astype(np.uint8)
    canvas = Image.fromarray(grey).convert("RGB")
    frames = [_frame(mark.box, (rows, columns), size) for mark in marks]
    taken = []
    if footer:
        plate = _footer_plate(footer, height, width)
        taken.append(_best(_footer_places(plate, grey), [], frames))
        draw_plate(canvas, plate, taken[0])
    line = max(_MIN_LINE, round(max(height, width) * _LINE))
    for frame in reversed(frames):
        _draw_frame(canvas, frame, line)
    for mark, frame in zip(marks, frames, strict=True):
        if not mark.label:
            continue
        label = letter or _letter(_LABEL, height, width)
        plate = set_line(plain(mark.label), label, width // 2)
        area = _best(_label_places(plate, frame, line, height, width), taken, frames)
        draw_plate(canvas, plate, area)
        taken.append(area)
    return canvas


def _frame(box: Box, size: tuple[int, int], drawn: tuple[int, int]) -> Area:
    """Map a box into the drawing: the pixels that it touches, at least one."""
    (rows, columns), (height, width) = size, drawn
    first_column, last_column = pixel_range(box.x0 * width / columns, box.x1 * width / columns)
    first_row, last_row = pixel_range(box.y0 * height / rows, box.y1 * height / rows)
    first_column, first_row = min(first_column, width - 1), min(first_row, height - 1)
    return Area(
        first_column,
        first_row,
        min(max(last_column, first_column), width - 1) + 1,
        min(max(last_row, first_row), height - 1) + 1,
    )


def _draw_frame(canvas: Image.Image, frame: Area, line: int) -> None:
    """Draw inwards from the frame's outer pixels; a small box keeps its middle free."""
    x0, y0, x1, y1 = frame
    line = max(1, min(line, (x1 - x0) // 4, (y1 - y0) // 4))
    sides = (
        (x0, y0, x1, y0 + line),
        (x0, y1 - line, x1, y1),
        (x0, y0, x0 + line, y1),
        (x1 - line, y0, x1, y1),
    )
    # Pillow's own outline is a pixel too wide on a box of one pixel.
    for side in sides:
        canvas.paste(GREEN, side)


def _letter(share: tuple[float, float], height: int, width: int) -> int:
    of_longest, of_width = share
    return max(LEAST_LETTER, round(min(max(height, width) * of_longest, width * of_width)))


def _footer_plate(parts: Sequence[str], height: int, width: int) -> Plate:
    """Set the footer on one line, a line for each part, broken and small, or cut short."""
    words = [plain(part, _FOOTER_PART_LENGTH) for part in parts]
    size = _letter(_FOOTER, height, width)
    for lines in ([" | ".join(words)], words):
        plate = set_lines(lines, size)
        if plate.width <= width:
            return plate
    plate = set_broken(words, size, width, height / 4)
    # A plate over half of a tiny picture would leave nothing to see of it.
    return plate if plate.height <= height / 4 else set_broken(words[:1], size, width, height / 4)


def _footer_places(plate: Plate, grey: NDArray[np.uint8]) -> list[Area]:
    """List the corners, the darkest first: air before tissue, the bottom before the top."""
    height, width = grey.shape
    right, bottom = width - plate.width, height - plate.height
    corners = ((0, bottom), (right, bottom), (0, 0), (right, 0))
    places = [_placed(plate, x, y, height, width) for x, y in corners]
    return sorted(places, key=lambda area: round(float(grey[_rows_and_columns(area)].mean())))


def _rows_and_columns(area: Area) -> tuple[slice, slice]:
    return slice(area.y0, area.y1), slice(area.x0, area.x1)


def _label_places(plate: Plate, frame: Area, line: int, height: int, width: int) -> Iterator[Area]:
    """Above the box, below it, beside it, and inside when nothing else is left."""
    above, below = frame.y0 - plate.height, frame.y1
    for y in (above, below):
        if 0 <= y <= height - plate.height:
            for x in (frame.x0, frame.x1 - plate.width):
                yield _placed(plate, x, y, height, width)
    for x in (frame.x1, frame.x0 - plate.width):
        if 0 <= x <= width - plate.width:
            for y in (frame.y0, frame.y1 - plate.height):
                yield _placed(plate, x, y, height, width)
    yield _placed(plate, frame.x0 + line, frame.y0 + line, height, width)
    yield _placed(plate, frame.x0 + line, frame.y1 - line - plate.height, height, width)


def _placed(plate: Plate, x: int, y: int, height: int, width: int) -> Area:
    x = max(0, min(x, width - plate.width))
    y = max(0, min(y, height - plate.height))
    return Area(x, y, min(x + plate.width, width), min(y + plate.height, height))


def _best(places: Iterable[Area], taken: Sequence[Area], frames: Sequence[Area]) -> Area:
    """Choose the place that hides least, other plates first; the first of equals wins."""

    def hidden(area: Area) -> tuple[int, int]:
        return (
            sum(area.overlap(other) for other in taken),
            sum(area.overlap(frame) for frame in frames),
        )

    return min(places, key=hidden)
