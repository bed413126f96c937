"""What a detector saw in each image, stored so that figures can be made without it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from models.detector import Detection


class ScoredBox(NamedTuple):
    """Edges in stored pixels of the image, and the score from 0 to 1."""

    x0: float
    y0: float
    x1: float
    y1: float
    score: float


@dataclass(frozen=True, slots=True)
class ImageDetections:
    """All boxes of one image, in any order, from the detector's score floor up."""

    rows: int
    columns: int
    boxes: tuple[ScoredBox, ...] = ()

    @classmethod
    def of(cls, found: Iterable[Detection], *, rows: int, columns: int) -> ImageDetections:
        """Keep what the detector found in an image of this size."""
        boxes = tuple(ScoredBox(each.x0, each.y0, each.x1, each.y1, each.score) for each in found)
        return cls(rows, columns, boxes)
