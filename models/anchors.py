"""The anchor boxes of an input size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.spec import AnchorRule


def level_shape(height: int, width: int, level: int) -> tuple[int, int]:
    """Rows and columns of a pyramid level: ``level`` times halved, each time rounded up."""
    for _ in range(level):
        height, width = (height + 1) // 2, (width + 1) // 2
    return height, width


def base_anchors(rule: AnchorRule, size: int) -> NDArray[np.float32]:
    """Anchors of one level about the origin.

    Returns
    -------
    ndarray, (anchors, 4)
        x0, y0, x1, y1 in pixels of the network's input; ratio by ratio, and within a
        ratio scale by scale.
    """
    # The published code holds both in float32 and computes in float64 from there on;
    # with float64 scales the anchors differ in their last bits.
    ratios = np.asarray(rule.ratios, np.float32).astype(np.float64)[:, None]
    sides = size * np.asarray(rule.scales, np.float32).astype(np.float64)[None, :]
    width = np.sqrt(sides**2 / ratios)
    height = width * ratios
    corners = np.stack([-width / 2, -height / 2, width / 2, height / 2], axis=-1)
    return corners.reshape(-1, 4).astype(np.float32)


def anchors(rule: AnchorRule, height: int, width: int) -> NDArray[np.float32]:
    """Every anchor of an input of ``height`` rows and ``width`` columns.

    Returns
    -------
    ndarray, (anchors, 4)
        x0, y0, x1, y1 in pixels of the network's input, not clipped; level by level,
        and within a level by row, column and base anchor: the network's output order.
    """
    found = []
    for level, size, stride in zip(rule.levels, rule.sizes, rule.strides, strict=True):
        rows, columns = level_shape(height, width, level)
        y = (np.arange(rows, dtype=np.float32) + np.float32(0.5)) * np.float32(stride)
        x = (np.arange(columns, dtype=np.float32) + np.float32(0.5)) * np.float32(stride)
        centre = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1)
        shift = np.concatenate([centre, centre], axis=-1)
        found.append((shift[:, :, None, :] + base_anchors(rule, size)).reshape(-1, 4))
    return np.concatenate(found)
