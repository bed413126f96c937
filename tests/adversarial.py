"""Pictures that no mammography unit sends, and that must not hurt."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

ROWS, COLUMNS = 331, 257
"""Odd and not square: a square hides a swapped axis."""

LONGEST: Final = 30_000


def grey() -> dict[str, NDArray[np.uint8]]:
    """Give the pictures of one channel and 8 bits by name."""
    noise = np.random.default_rng(8)
    return {
        "black": np.zeros((ROWS, COLUMNS), np.uint8),
        "white": np.full((ROWS, COLUMNS), 255, np.uint8),
        "checkerboard": checkerboard(0, 255).astype(np.uint8),
        "noise": noise.integers(0, 256, (ROWS, COLUMNS)).astype(np.uint8),
        "salt and pepper": noise.choice([0, 255], (ROWS, COLUMNS)).astype(np.uint8),
        "text": text(),
        "one pixel": np.full((1, 1), 7, np.uint8),
        "one column": stripes(801, 1),
        "one row": stripes(1, 4097),
        "two columns": stripes(4097, 2),
        "as wide as allowed": stripes(64, LONGEST),
        "as tall as allowed": stripes(LONGEST, 64),
        "wider than any": stripes(3, LONGEST + 1),
        "as large as a mammogram": stripes(3328, 2560),
    }


def colour() -> dict[str, NDArray[np.uint8]]:
    """Give the pictures of three channels by name."""
    return {"photograph": photograph(), "pure red": photograph() * np.array([1, 0, 0], np.uint8)}


def deep() -> dict[str, NDArray[Any]]:
    """Give the pictures of 16 bits by name: whole numbers at both ends of what they can be."""
    return {
        "unsigned 16 bit": checkerboard(0, 0xFFFF).astype(np.uint16),
        "signed 16 bit": checkerboard(-0x8000, 0x7FFF).astype(np.int16),
        "one bright pixel": np.pad(np.array([[0xFFFF]], np.uint16), ((200, 130), (56, 200))),
    }


def checkerboard(low: int, high: int) -> NDArray[np.int64]:
    """Alternate between two values from pixel to pixel."""
    rows, columns = np.indices((ROWS, COLUMNS))
    return np.where((rows + columns) % 2 == 0, low, high)


def stripes(rows: int, columns: int) -> NDArray[np.uint8]:
    """Draw a pattern that no axis alone explains."""
    row, column = np.ogrid[:rows, :columns]
    return ((row * 7 + column * 13) % 256).astype(np.uint8)


def text() -> NDArray[np.uint8]:
    """Write white words on black, as on a label that was scanned alone."""
    page = Image.new("L", (COLUMNS, ROWS))
    draw = ImageDraw.Draw(page)
    for line in range(0, ROWS, 16):
        draw.text((4 + line % 40, line), "R MLO  NOT A BREAST  R MLO", fill=255)
    return np.asarray(page)


def photograph() -> NDArray[np.uint8]:
    """Draw a sky, a sun, a hill and a house: smooth colours and hard edges."""
    row, column = np.mgrid[:ROWS, :COLUMNS]
    picture = np.stack([90 + row // 3, 140 + row // 4, 235 - row // 5], axis=-1)
    picture[np.hypot(row - 70, column - 190) < 30] = (255, 230, 80)
    picture[row > 220 + 30 * np.sin(column / 40)] = (60, 130, 50)
    picture[200:260, 60:120] = (170, 60, 45)
    return np.clip(picture, 0, 255).astype(np.uint8)
