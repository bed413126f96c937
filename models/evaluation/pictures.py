"""Small pictures of images with their boxes, to stand in a page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.cases.case import Box

WHOLE_SIDE: Final = 420
"""Longest side of the picture of a whole image, in pixels."""
DETAIL_SIDE: Final = 420
_QUALITY: Final = 82
_AROUND: Final = 1.6
"""A detail is so many times as large as the box that it is of."""
_LEAST_DETAIL: Final = 0.12
"""And no smaller than this part of the image's longest side."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG as a data URL; (x0, y0) to (x1, y1) of the image is what it shows."""

    url: str
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """In pixels of the image."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """In pixels of the image."""
        return self.y1 - self.y0


def whole(image: NDArray[np.uint8]) -> Picture:
    """Show an image as a whole."""
    rows, columns = image.shape[:2]
    return Picture(_jpeg(image, WHOLE_SIDE), 0, 0, columns, rows)


def detail(image: NDArray[np.uint8], box: Sequence[float]) -> Picture:
    """Show a square around a box, as far as the image goes."""
    rows, columns = image.shape[:2]
    x0, y0, x1, y1 = box[:4]
    side = max(_AROUND * max(x1 - x0, y1 - y0), _LEAST_DETAIL * max(rows, columns))
    cut = Box(
        *(
            min(max(round(edge), 0), end)
            for edge, end in (
                ((x0 + x1 - side) / 2, columns),
                ((y0 + y1 - side) / 2, rows),
                ((x0 + x1 + side) / 2, columns),
                ((y0 + y1 + side) / 2, rows),
            )
        )
    )
    left, top, right, bottom = (int(edge) for edge in cut)
    # A box of a pixel at the edge must not leave nothing to show.
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    left, top = min(left, columns - 1), min(top, rows - 1)
    return Picture(_jpeg(image[top:bottom, left:right], DETAIL_SIDE), left, top, right, bottom)


def _jpeg(image: NDArray[np.uint8], longest: int) -> str:
    import cv2

    rows, columns = image.shape[:2]
    scale = longest / max(rows, columns)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(np.ascontiguousarray(image), size, interpolation=how)
    if small.ndim == 3:
        small = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode('ascii')}"
