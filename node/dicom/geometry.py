"""Boxes in the pixels of a stored image."""

from __future__ import annotations

import math
from typing import NamedTuple


class Box(NamedTuple):
    """An axis-parallel box in stored pixels.

    Edge coordinates: ``(0.0, 0.0)`` is the outer corner of the first pixel and
    ``(Columns, Rows)`` the outer corner of the last, so a box around one pixel
    is 1.0 wide. Same frame as SCOORD Graphic Data (PS3.3 C.18.6).
    """

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """In pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """In pixels."""
        return self.y1 - self.y0

    @property
    def center(self) -> tuple[float, float]:
        """Its middle as (column, row)."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    @property
    def is_empty(self) -> bool:
        """Whether no pixel lies inside."""
        return self.width <= 0 or self.height <= 0


def clip(box: Box, *, rows: int, columns: int) -> Box:
    r"""Cut a box to the image, 0\0 to Columns\Rows; the rest may be empty."""
    return Box(
        min(max(box.x0, 0.0), float(columns)),
        min(max(box.y0, 0.0), float(rows)),
        min(max(box.x1, 0.0), float(columns)),
        min(max(box.y1, 0.0), float(rows)),
    )


def closed_polyline(box: Box) -> list[tuple[float, float]]:
    """Five (column, row) points, clockwise from the top left; the last is the first."""
    return [
        (box.x0, box.y0),
        (box.x1, box.y0),
        (box.x1, box.y1),
        (box.x0, box.y1),
        (box.x0, box.y0),
    ]


def pixel_range(low: float, high: float) -> tuple[int, int]:
    """First and last pixel index that edge coordinates ``low`` to ``high`` touch."""
    return math.floor(low), math.ceil(high) - 1
