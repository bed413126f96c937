"""Arithmetic on boxes: (..., 4) arrays of x0, y0, x1, y1 in edge coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def decode(
    anchors: NDArray[np.float32], offsets: NDArray[np.float32], *, deviation: float
) -> NDArray[np.float32]:
    """Move each corner of each anchor by the network's answer.

    Parameters
    ----------
    anchors, offsets : ndarray, (boxes, 4)
        ``offsets`` are of the corners (not of centre and size), in units of
        ``deviation`` times the anchor's width and height.

    Returns
    -------
    ndarray, (boxes, 4)
        In the anchors' frame, not clipped.
    """
    width = anchors[:, 2] - anchors[:, 0]
    height = anchors[:, 3] - anchors[:, 1]
    unit = np.stack([width, height, width, height], axis=1)
    return anchors + offsets * np.float32(deviation) * unit


def clip(boxes: NDArray[np.float32], *, height: int, width: int) -> NDArray[np.float32]:
    """Cut boxes to 0..width and 0..height (edges, so not minus one)."""
    return np.clip(boxes, 0, np.array([width, height, width, height], boxes.dtype))


def area(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """In square pixels; zero for a box that is turned inside out."""
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def iou(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of one box with each of ``others``; 0 for empty boxes."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    shared = area(np.concatenate([low, high], axis=1))
    union = area(box) + area(others) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))
