"""A cut-out of the network's input, at full scale, where something can be learned."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

BACKGROUND: Final = 8
"""Grey values up to this are air, in an image of 0 to 255."""


class Seen(NamedTuple):
    """Boxes in a window: the lesions in it, and those of which too little is in it."""

    boxes: NDArray[np.float64]
    unclear: NDArray[np.float64]


def content(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Give the box around all that is brighter than air, (1, 4); the whole image if nothing is."""
    bright = (pixels if pixels.ndim == 2 else pixels.max(axis=2)) > BACKGROUND
    columns, rows = np.flatnonzero(bright.any(axis=0)), np.flatnonzero(bright.any(axis=1))
    if not len(columns):
        return np.array([[0.0, 0.0, pixels.shape[1], pixels.shape[0]]])
    return np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], np.float64)


def place(
    boxes: NDArray[np.float64],
    breast: NDArray[np.float64],
    *,
    window: tuple[int, int],
    size: tuple[int, int],
    generator: np.random.Generator,
) -> tuple[int, int]:
    """Choose the top left corner of a window at random.

    One lesion, drawn from all, is in it as a whole when it fits; without a lesion as much
    of the breast as fits.

    Parameters
    ----------
    boxes : ndarray, (lesions, 4)
        In pixels of the input; those outside of it are not looked for.
    breast : ndarray, (1, 4)
    window, size : tuple of int
        (height, width) of the window and of the input.

    Returns
    -------
    tuple of int
        (top, left), in pixels of the input.
    """
    limit = np.array([size[1], size[0]], np.float64)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = boxes[((centres > 0) & (centres < limit)).all(axis=1)]
    aim = inside[generator.integers(len(inside))] if len(inside) else breast[0]
    left = _start(aim[0], aim[2], breast[0, 0], breast[0, 2], window[1], size[1], generator)
    top = _start(aim[1], aim[3], breast[0, 1], breast[0, 3], window[0], size[0], generator)
    return top, left


def _start(
    low: float,
    high: float,
    breast_low: float,
    breast_high: float,
    length: int,
    limit: int,
    generator: np.random.Generator,
) -> int:
    """Choose where a window begins along one axis."""
    # Sorted: an aim that is longer than the window is to fill it.
    first, last = sorted((low, high - length))
    least, most = sorted((breast_low, breast_high - length))
    if max(first, least) <= min(last, most):
        first, last = max(first, least), min(last, most)
    drawn = generator.uniform(first, last)
    return int(np.clip(round(drawn), 0, limit - length))


def seen(
    boxes: NDArray[np.float64], *, top: int, left: int, window: tuple[int, int], visible: float
) -> Seen:
    """Map boxes into a window and cut them to it.

    Parameters
    ----------
    visible : float
        A box of which less than this share is in the window is unclear; one of which
        nothing is in it is gone.
    """
    height, width = window
    moved = boxes - np.array([left, top, left, top], np.float64)
    cut = np.clip(moved, 0, np.array([width, height, width, height], np.float64))
    share = _area(cut) / np.maximum(_area(moved), np.finfo(np.float64).eps)
    return Seen(cut[share >= visible], cut[(share > 0) & (share < visible)])


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
