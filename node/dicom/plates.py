"""Lines of text on black plates, drawn on a picture; letters that can be read at its size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from PIL import ImageDraw, ImageFont

if TYPE_CHECKING:
    from PIL import Image

WHITE: Final = (255, 255, 255)
BLACK: Final = (0, 0, 0)

LEAST_LETTER: Final = 11  # pixels; smaller ones cannot be read
LEAST_LETTER_IN_NEED: Final = 7  # when the picture is too narrow for more


class Area(NamedTuple):
    """Whole pixels, the ends excluded."""

    x0: int
    y0: int
    x1: int
    y1: int

    def overlap(self, other: Area) -> int:
        """Count the pixels that both cover."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(width, 0) * max(height, 0)


class Plate(NamedTuple):
    """Lines of text set in a font, with the size of the black plate they need."""

    lines: tuple[str, ...]
    font: ImageFont.FreeTypeFont
    margin: int
    width: int
    height: int


def set_lines(lines: Sequence[str], size: int) -> Plate:
    """Set lines as they are in letters of ``size`` pixels."""
    font = _font(size)
    margin = max(2, size // 4)
    longest = max(round(font.getlength(line) + 0.5) for line in lines)
    ascent, descent = font.getmetrics()
    height = (ascent + descent) * len(lines)
    return Plate(tuple(lines), font, margin, longest + 2 * margin, height + 2 * margin)


def set_line(line: str, size: int, width: int) -> Plate:
    """Set one line, smaller where ``width`` is too narrow for it."""
    plate = set_lines([line], size)
    while plate.width > width and size > LEAST_LETTER_IN_NEED:
        size -= 1
        plate = set_lines([line], size)
    return plate


def set_broken(parts: Sequence[str], size: int, width: int, height: float) -> Plate:
    """Set parts broken into lines, smaller where they would not fit into width and height."""
    while True:
        plate = set_lines(broken(parts, size, width), size)
        if size <= LEAST_LETTER_IN_NEED or (plate.width <= width and plate.height <= height):
            return plate
        size = max(LEAST_LETTER_IN_NEED, min(size - 1, size * 9 // 10))


def broken(parts: Sequence[str], size: int, width: int) -> list[str]:
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


def draw_plate(canvas: Image.Image, plate: Plate, area: Area) -> None:
    """Draw a plate; letters that do not fit into ``area`` are cut off."""
    draw_on = ImageDraw.Draw(canvas)
    draw_on.rectangle((area.x0, area.y0, area.x1 - 1, area.y1 - 1), fill=BLACK)
    ascent, descent = plate.font.getmetrics()
    for number, line in enumerate(plate.lines):
        top = area.y0 + plate.margin + number * (ascent + descent)
        draw_on.text((area.x0 + plate.margin, top), line, font=plate.font, fill=WHITE)


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType; its one font cannot be scaled")
    return font
