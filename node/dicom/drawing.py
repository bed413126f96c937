"""Boxes, labels and the footer drawn on a grey picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from node.dicom.geometry import Box, pixel_range
from node.dicom.plain_text import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

GREEN: Final = (0, 255, 0)
WHITE: Final = (255, 255, 255)
BLACK: Final = (0, 0, 0)

# Of the longest side: three pixels in the detector's 800, and never less than two.
_LINE: Final = 3 / 800
_MIN_LINE: Final = 2
# Letters, of the longest side, and of the width where the picture is narrow.
_LABEL: Final = (1 / 44, 1 / 10)
_FOOTER: Final = (1 / 64, 1 / 20)
_FOOTER_PART_LENGTH: Final = 96  # characters
_LEAST_LETTER: Final = 11  # pixels; smaller ones cannot be read
_LEAST_LETTER_IN_NEED: Final = 7  # when the picture is too narrow for more


@dataclass(frozen=True, slots=True)
class Mark:
    """A box in pixels of the undrawn picture, and the words beside it, if any."""

    box: Box
    label: str


class _Area(NamedTuple):
    """Whole pixels, the ends excluded."""

    x0: int
    y0: int
    x1: int
    y1: int

    def overlap(self, other: _Area) -> int:
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(width, 0) * max(height, 0)


class _Plate(NamedTuple):
    """Lines of text set in a font, with the size of the black plate they need."""

    lines: tuple[str, ...]
    font: ImageFont.FreeTypeFont
    margin: int
    width: int
    height: int


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
        Parts of one line; a narrow picture breaks it.
    long_side : int
        Longest side of the drawing in pixels; 0 keeps the size.

    Returns
    -------
    NDArray[np.uint8]
        (rows, columns, 3) RGB. A frame's outer pixels are the floor of the box's low
        edges and the ceiling less one of its high ones; nothing but frames is green.
    """
    rows, columns = grey.shape
    height, width = drawn_size(rows, columns, long_side)
    if (height, width) != (rows, columns):
        grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    picture = np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    canvas = Image.fromarray(picture)
    frames = [_frame(mark.box, (rows, columns), (height, width)) for mark in marks]
    footer_plate = _footer_plate(footer, height, width)
    footer_area = _best(_footer_places(footer_plate, grey), [], frames)
    _draw_plate(canvas, footer_plate, footer_area)
    line = max(_MIN_LINE, round(max(height, width) * _LINE))
    for frame in reversed(frames):
        _draw_frame(canvas, frame, line)
    taken = [footer_area]
    for mark, frame in zip(marks, frames, strict=True):
        if not mark.label:
            continue
        plate = _label_plate(mark.label, height, width)
        area = _best(_label_places(plate, frame, line, height, width), taken, frames)
        _draw_plate(canvas, plate, area)
        taken.append(area)
    return np.asarray(canvas)


def _frame(box: Box, size: tuple[int, int], drawn: tuple[int, int]) -> _Area:
    """Map a box into the drawing: the pixels that it touches, at least one."""
    (rows, columns), (height, width) = size, drawn
    first_column, last_column = pixel_range(box.x0 * width / columns, box.x1 * width / columns)
    first_row, last_row = pixel_range(box.y0 * height / rows, box.y1 * height / rows)
    first_column, first_row = min(first_column, width - 1), min(first_row, height - 1)
    return _Area(
        first_column,
        first_row,
        min(max(last_column, first_column), width - 1) + 1,
        min(max(last_row, first_row), height - 1) + 1,
    )


def _draw_frame(canvas: Image.Image, frame: _Area, line: int) -> None:
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


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType; its one font cannot be scaled")
    return font


def _letter(share: tuple[float, float], height: int, width: int) -> int:
    of_longest, of_width = share
    return max(_LEAST_LETTER, round(min(max(height, width) * of_longest, width * of_width)))


def _label_plate(label: str, height: int, width: int) -> _Plate:
    """Set a label on one line, smaller where the picture is too narrow for it."""
    size = _letter(_LABEL, height, width)
    plate = _set([plain(label)], size)
    while plate.width > width and size > _LEAST_LETTER_IN_NEED:
        size -= 1
        plate = _set(plate.lines, size)
    return plate


def _set(lines: Sequence[str], size: int) -> _Plate:
    font = _font(size)
    margin = max(2, size // 4)
    longest = max(round(font.getlength(line) + 0.5) for line in lines)
    ascent, descent = font.getmetrics()
    height = (ascent + descent) * len(lines)
    return _Plate(tuple(lines), font, margin, longest + 2 * margin, height + 2 * margin)


def _footer_plate(parts: Sequence[str], height: int, width: int) -> _Plate:
    """Set the footer on one line, else a line for each part, else broken and small."""
    words = [plain(part, _FOOTER_PART_LENGTH) for part in parts]
    size = _letter(_FOOTER, height, width)
    for lines in ([" | ".join(words)], words):
        plate = _set(lines, size)
        if plate.width <= width:
            return plate
    while True:
        plate = _set(_broken(words, size, width), size)
        if size <= _LEAST_LETTER_IN_NEED or (plate.width <= width and plate.height <= height / 4):
            return plate
        size -= 1


def _broken(parts: Sequence[str], size: int, width: int) -> list[str]:
    """Break parts into lines of at most ``width`` pixels, within a word where it must be."""
    font = _font(size)
    room = width - 2 * max(2, size // 4)
    lines: list[str] = []
    for part in parts:
        line = ""
        for word in part.split():
            joined = f"{line} {word}".strip()
            if line and font.getlength(joined) > room:
                lines.append(line)
                joined = word
            while font.getlength(joined) > room and len(joined) > 1:
                fits = max(
                    1, sum(font.getlength(joined[: n + 1]) <= room for n in range(len(joined)))
                )
                lines.append(joined[:fits])
                joined = joined[fits:]
            line = joined
        lines.append(line)
    return [line for line in lines if line]


def _footer_places(plate: _Plate, grey: NDArray[np.uint8]) -> list[_Area]:
    """List the corners, the darkest first: air before tissue, the bottom before the top."""
    height, width = grey.shape
    right, bottom = width - plate.width, height - plate.height
    corners = ((0, bottom), (right, bottom), (0, 0), (right, 0))
    places = [_placed(plate, x, y, height, width) for x, y in corners]
    return sorted(places, key=lambda area: round(float(grey[_rows_and_columns(area)].mean())))


def _rows_and_columns(area: _Area) -> tuple[slice, slice]:
    return slice(area.y0, area.y1), slice(area.x0, area.x1)


def _label_places(
    plate: _Plate, frame: _Area, line: int, height: int, width: int
) -> Iterator[_Area]:
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


def _placed(plate: _Plate, x: int, y: int, height: int, width: int) -> _Area:
    x = max(0, min(x, width - plate.width))
    y = max(0, min(y, height - plate.height))
    return _Area(x, y, min(x + plate.width, width), min(y + plate.height, height))


def _best(places: Iterable[_Area], taken: Sequence[_Area], frames: Sequence[_Area]) -> _Area:
    """Choose the place that hides least, other plates first; the first of equals wins."""

    def hidden(area: _Area) -> tuple[int, int]:
        return (
            sum(area.overlap(other) for other in taken),
            sum(area.overlap(frame) for frame in frames),
        )

    return min(places, key=hidden)


def _draw_plate(canvas: Image.Image, plate: _Plate, area: _Area) -> None:
    draw_on = ImageDraw.Draw(canvas)
    draw_on.rectangle((area.x0, area.y0, area.x1 - 1, area.y1 - 1), fill=BLACK)
    ascent, descent = plate.font.getmetrics()
    for number, line in enumerate(plate.lines):
        top = area.y0 + plate.margin + number * (ascent + descent)
        draw_on.text((area.x0 + plate.margin, top), line, font=plate.font, fill=WHITE)
