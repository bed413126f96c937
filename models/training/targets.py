"""What the network should answer for each anchor, as keras-retinanet 0.5.1 has it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.anchors import anchors
from models.spec import AnchorRule

POSITIVE: Final = 1
NEGATIVE: Final = 0
IGNORED: Final = -1

INCLUSIVE: Final = 1
"""The published matching (and nothing else) counts the last pixel of a side as inside."""

NO_BOXES: Final = np.zeros((0, 4), np.float64)


class Targets(NamedTuple):
    """The wanted answers, (anchors, 5) and (anchors, classes + 1), float32.

    The last column of each is the anchor's state: ``POSITIVE``, ``NEGATIVE`` or ``IGNORED``.
    """

    regression: NDArray[np.float32]
    classification: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Matching:
    """Which anchors are lesion, which background, and the unit of the box offsets."""

    positive_iou: float = 0.5
    negative_iou: float = 0.4
    deviation: float = 0.2


class _Grid(NamedTuple):
    """The anchors of one input size: columns x0, y0, x1, y1, their areas and sizes."""

    corners: NDArray[np.float64]
    area: NDArray[np.float64]
    unit: NDArray[np.float64]
    outside: NDArray[np.bool_]


# A run has two sizes at most: the window and the whole input.
@lru_cache(maxsize=4)
def _grid(rule: AnchorRule, height: int, width: int) -> _Grid:
    corners = np.ascontiguousarray(anchors(rule, height, width).astype(np.float64).T)
    x0, y0, x1, y1 = corners
    columns, rows = x1 - x0, y1 - y0
    # The pyramid's coarse levels reach beyond the image. Centres are whole numbers but for
    # the rounding of the corners to float32.
    outside = (np.rint((x0 + x1) / 2) >= width) | (np.rint((y0 + y1) / 2) >= height)
    area = (columns + INCLUSIVE) * (rows + INCLUSIVE)
    return _Grid(corners, area, np.stack([columns, rows, columns, rows]), outside)


def _shared(grid: _Grid, box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area that each anchor shares with a box."""
    x0, y0, x1, y1 = grid.corners
    width = np.minimum(x1, box[2]) - np.maximum(x0, box[0]) + INCLUSIVE
    height = np.minimum(y1, box[3]) - np.maximum(y0, box[1]) + INCLUSIVE
    return np.asarray(np.maximum(width, 0) * np.maximum(height, 0))


def _best(grid: _Grid, boxes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Highest IoU of each anchor with any box, and which box; the first of equals."""
    count = grid.area.shape[0]
    overlap: NDArray[np.float64] = np.full(count, -1.0)
    which: NDArray[np.int64] = np.zeros(count, np.int64)
    for index, box in enumerate(boxes):
        shared = _shared(grid, box)
        area = (box[2] - box[0] + INCLUSIVE) * (box[3] - box[1] + INCLUSIVE)
        union = grid.area + area - shared
        iou = shared / np.maximum(union, np.finfo(np.float64).eps)
        better = iou > overlap
        overlap[better] = iou[better]
        which[better] = index
    return overlap, which


def anchor_targets(
    rule: AnchorRule,
    boxes: NDArray[np.float64],
    *,
    height: int,
    width: int,
    matching: Matching,
    unclear: NDArray[np.float64] = NO_BOXES,
) -> Targets:
    """Say for each anchor of an input what the network should answer.

    An anchor is positive at an IoU of ``matching.positive_iou`` or more with a box,
    ignored above ``matching.negative_iou`` and when its centre is outside the image, else
    negative. A box that no anchor reaches gets none.

    Parameters
    ----------
    boxes, unclear : ndarray, (n, 4)
        In pixels of the input, edge coordinates. Anchors that mostly lie in an
        ``unclear`` one and are not positive are ignored.

    Returns
    -------
    Targets
        Of one class. Box offsets of the corners in units of ``matching.deviation`` times
        the anchor's width and height.
    """
    grid = _grid(rule, height, width)
    count = grid.area.shape[0]
    state: NDArray[np.float32] = np.zeros(count, np.float32)
    regression: NDArray[np.float32] = np.zeros((count, 5), np.float32)
    for box in unclear:
        state[_shared(grid, box) > grid.area / 2] = IGNORED
    if len(boxes):
        overlap, which = _best(grid, boxes)
        state[overlap > matching.negative_iou] = IGNORED
        state[overlap >= matching.positive_iou] = POSITIVE
        offsets = (boxes.T[:, which] - grid.corners) / (matching.deviation * grid.unit)
        regression[:, :4] = offsets.T
    hit = (state == POSITIVE).astype(np.float32)
    state[grid.outside] = IGNORED
    regression[:, 4] = state
    return Targets(regression, np.stack([hit, state], axis=1))
