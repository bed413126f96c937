"""Where an image lies in the network's input, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Frame:
    """A placed image: the sizes and the padding that were really used.

    The scale differs a little between the axes, because ``height`` and ``width`` are
    rounded to whole pixels; mapping back with one unrounded scale is wrong by up to
    5.5 pixels of a large image.

    Parameters
    ----------
    rows, columns : int
        Of the image that was given.
    height, width : int or float
        It has in the network's input, in pixels.
    top, left : int
        Padding above and at the left of it.
    """

    rows: int
    columns: int
    height: float
    width: float
    top: int = 0
    left: int = 0

    def to_image(self, boxes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Map (boxes, 4) edge coordinates from the network's input to the image, unclipped."""
        x, y = self.columns / self.width, self.rows / self.height
        offset = np.array([self.left, self.top, self.left, self.top], np.float64)
        return np.asarray((boxes.astype(np.float64) - offset) * np.array([x, y, x, y]))

    def inside(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cut boxes of the image to it: 0 to ``columns`` and 0 to ``rows``."""
        return np.clip(boxes, 0, np.array([self.columns, self.rows, self.columns, self.rows]))


SMALLEST: Final = 1
"""A side never becomes less than one pixel, however long the other one is."""


def letterbox(rows: int, columns: int, side: int) -> Frame:
    """Longest side to ``side``, aspect ratio kept, centred in a square.

    An odd remainder leaves the wider padding at the bottom and at the right.
    """
    scale = side / max(rows, columns)
    height = max(SMALLEST, round(rows * scale))
    width = max(SMALLEST, round(columns * scale))
    return Frame(rows, columns, height, width, top=(side - height) // 2, left=(side - width) // 2)


def script_scale(rows: int, columns: int, side: int, max_side: int) -> float:
    """Scale of the published program: shortest side to ``side``, longest to ``max_side``."""
    scale = side / min(rows, columns)
    return min(scale, max_side / max(rows, columns))
