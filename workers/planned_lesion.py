"""The one lesion of `mgnode demo`: where it is put, and how it becomes the demo's callable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from node.demo.films import SPACING_MM
from node.demo.insertion import Insertion
from node.dicom.geometry import Box


@dataclass(frozen=True, slots=True)
class PlannedLesion:
    """Which view gets a lesion of which kind, from which seed, and where its centre lies.

    ``column`` and ``row`` are shares of the view's columns and rows, from its top left.
    """

    view: str
    kind: str
    seed: int
    column: float
    row: float


LESION: Final = PlannedLesion(view="RCC", kind="mass", seed=2, column=0.85, row=0.80)
"""A spiculated mass in the fat below the gland of the right cranio-caudal view."""


def insertion(plan: PlannedLesion) -> Insertion:
    """Give what the demo needs to insert the planned lesion; the node knows no models."""

    def insert(grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Box]:
        # Here and not at the top: no other command draws lesions.
        from models.synthetic.insert import insert_lesion
        from models.synthetic.lesions import Kind

        rows, columns = grey.shape
        altered, box = insert_lesion(
            grey,
            plan.seed,
            pixel_mm=SPACING_MM[0],
            where=(round(plan.column * columns), round(plan.row * rows)),
            kind=Kind(plan.kind),
        )
        return altered, Box(*box)

    return Insertion(plan.view, insert)
