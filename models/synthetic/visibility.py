"""Whether a lesion can be seen where it lies: what nobody can see, nobody can learn."""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np

from models.synthetic.lesions import Box, Kind
from models.synthetic.outline import Field


class Least(NamedTuple):
    """What a lesion must change at least.

    ``quantile`` of the change within the box, in grey levels, must reach ``levels`` and
    ``clutter`` times the deviation of what lies there without it.
    """

    quantile: float
    levels: float
    clutter: float


LEAST: Final = {
    Kind.MASS: Least(0.80, 28, 1.4),
    Kind.ASYMMETRY: Least(0.80, 24, 1.3),
    Kind.DISTORTION: Least(0.93, 28, 1.4),
    Kind.CALCIFICATION: Least(0.985, 30, 3.0),
}

_LOWEST_CLUTTER: Final = 4.0
"""Grey levels; even air has noise."""

_FINE_PIXELS: Final = 3.0
"""Specks stand out from what is as small as they are, not from the gland around them."""


def is_visible(shown: Field, clean: Field, box: Box, kind: Kind) -> bool:
    """Tell whether a lesion stands out.

    Parameters
    ----------
    shown, clean : ndarray of float32, (rows, columns)
        Grey levels with the lesion and without; above 255 is white.
    box : Box
        The lesion's.
    """
    least = LEAST[kind]
    x0, y0, x1, y1 = (round(edge) for edge in box)
    without = np.clip(clean[y0:y1, x0:x1], 0, 255)
    change = np.clip(shown[y0:y1, x0:x1], 0, 255) - without
    if change.size == 0:
        return False
    strength = float(np.quantile(change, least.quantile))
    if kind == Kind.CALCIFICATION:
        without = without - cv2.GaussianBlur(without, (0, 0), _FINE_PIXELS)
    clutter = max(float(without.std()), _LOWEST_CLUTTER)
    return strength >= least.levels and strength >= least.clutter * clutter
