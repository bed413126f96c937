"""The golden inputs as 8-bit RGB arrays: integer arithmetic only, the same bytes everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]

PUBLISHED = Path(__file__).resolve().parents[2].parent / "shared/reference/published-input.jpg"
"""The published program's test picture: not ours to distribute, so beside the repository."""

PUBLISHED_MISSING = "published picture (../shared/reference/published-input.jpg is not here)"


def published() -> Picture:
    """Decode the published test picture, 800x800."""
    with Image.open(PUBLISHED) as picture:
        return np.asarray(picture.convert("RGB"))


def splitmix(count: int, seed: int) -> NDArray[np.uint64]:
    """Make ``count`` reproducible words."""
    start = (seed * 0x9E3779B97F4A7C15) % (1 << 64)
    z = np.arange(count, dtype=np.uint64) + np.array([start], np.uint64)
    z = z * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def phantom(rows: int, columns: int, seed: int, centre: int = 0) -> Picture:
    """Draw half an ellipse with blobs and noise; the 12-bit maximum is stretched to 255."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.int64)
    radius_y, radius_x = rows * 45 // 100, columns * 80 // 100
    distance = (y - rows // 2) ** 2 * 10000 // (radius_y * radius_y)
    distance += (x - centre) ** 2 * 10000 // (radius_x * radius_x)
    value = 600 + (10000 - distance) // 8
    for down, right, size, bright in splitmix(24 * 4, seed).reshape(24, 4).tolist():
        blob_y, blob_x = down % rows, right % max(radius_x, 1)
        spread = 8 + size % max(rows // 16, 9)
        amplitude = 200 + bright % 1800
        away = (y - blob_y) ** 2 + (x - centre - blob_x) ** 2
        value = value + spread * spread * amplitude // (spread * spread + away)
    words = splitmix(rows * columns, seed + 1) >> np.uint64(57)
    noise = words.astype(np.int64).reshape(rows, columns)
    deep = np.clip(np.where(distance < 10000, value + noise, 0), 0, 4095)
    return (deep * 255 // max(int(deep.max()), 1)).astype(np.uint8)


def grey(picture: Picture) -> Picture:
    """Repeat a grey picture as red, green and blue."""
    return np.ascontiguousarray(np.stack([picture] * 3, axis=-1))


def colour(rows: int, columns: int) -> Picture:
    """Draw three different channels: they show a mistake in the channels' order."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.int64)
    red, green, blue = x * 255 // (columns - 1), y * 255 // (rows - 1), (x + 2 * y) * 7 % 256
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


def padded() -> Picture:
    """Draw a breast in a black square, content in columns 192 to 607."""
    picture = np.zeros((800, 800), np.uint8)
    picture[:, 192:608] = phantom(800, 416, 14)
    return picture


MAKERS: dict[str, Callable[[], Picture]] = {
    "testmammo": published,
    "tall3328x2560": lambda: grey(phantom(3328, 2560, 11)),
    "small300x260": lambda: grey(phantom(300, 260, 12)),
    "wide500x1200": lambda: grey(phantom(500, 1200, 13, centre=100)),
    "padded800": lambda: grey(padded()),
    "colour97x131_raw": lambda: colour(97, 131),
}

NOT_RESIZED = frozenset({"colour97x131_raw"})
"""Given to the network in its own size."""
