"""The outline of a compressed breast: mask, distance to the skin, nipple."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

MARGIN: Final = 0.25
"""Of the height, drawn beyond the film's edges: no skin lies where the film cuts the breast."""


class View(StrEnum):
    """Projection, by its usual abbreviation."""

    CC = "CC"
    MLO = "MLO"


@dataclass(frozen=True, slots=True)
class Breast:
    """A breast on a film, chest wall at column 0 and axilla at row 0.

    Parameters
    ----------
    depth : ndarray of float32, (rows, columns)
        Distance to the skin in millimetres, 0 outside the breast.
    nipple : tuple of float
        Column and row.
    reach : float
        Columns from the chest wall to the nipple.
    pixel_mm : float
        Size of a pixel on the film.
    """

    depth: Field
    nipple: tuple[float, float]
    reach: float
    view: View
    pixel_mm: float
    skin: Field
    """Column of the skin for each row."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Where the breast is."""
        return self.depth > 0


def draw_outline(
    rng: np.random.Generator, rows: int, columns: int, pixel_mm: float, view: View
) -> Breast:
    """Draw a random breast on a film of ``rows`` by ``columns`` pixels."""
    margin = int(rows * MARGIN)
    y = np.arange(-margin, rows + margin, dtype=np.float32)
    reach = float(np.clip(rng.uniform(55, 135) / pixel_mm, 0.32 * columns, 0.92 * columns))
    if view == View.CC:
        skin, apex = _cranio_caudal(rng, y, rows, reach)
    else:
        skin, apex = _oblique(rng, y, rows, reach)
    skin += _waves(rng, y, rows) * 0.012 * reach * np.clip(skin / (0.3 * reach), 0, 1)
    reach = float(np.interp(apex, y, skin))
    if rng.random() < 0.5:
        out, wide = rng.uniform(2.5, 8) / pixel_mm, rng.uniform(2.2, 4.5) / pixel_mm
        skin += out * np.exp(-(np.abs((y - apex) / wide) ** rng.uniform(2, 3.5)))
    depth = _distance(skin.astype(np.float32), columns, margin) * np.float32(pixel_mm)
    edge = skin[margin : margin + rows].astype(np.float32)
    return Breast(
        depth[margin : margin + rows], (reach, apex), reach, view, pixel_mm, np.maximum(edge, 0)
    )


def _cranio_caudal(
    rng: np.random.Generator, y: Field, rows: int, reach: float
) -> tuple[Field, float]:
    centre = rows * rng.uniform(0.42, 0.58)
    half = min(rows * rng.uniform(0.30, 0.52), reach * rng.uniform(1.0, 2.1))
    skew = rng.uniform(-0.15, 0.15)
    t = np.clip((y - centre) / half, -1, 1)
    t = t + skew * (1 - t * t)
    power, root = rng.uniform(1.4, 2.6), rng.uniform(1.1, 2.2)
    skin = reach * (1 - np.minimum(np.abs(t), 1) ** power) ** (1 / root)
    # t = 0 solves skew * t^2 - t - skew = 0 of the unskewed coordinate.
    apex = 0.0 if abs(skew) < 1e-6 else (1 - np.sqrt(1 + 4 * skew * skew)) / (2 * skew)
    flat = np.where(np.abs((y - centre) / half) >= 1, -0.05 * rows, skin)
    return flat.astype(np.float32), float(centre + half * apex)


def _oblique(rng: np.random.Generator, y: Field, rows: int, reach: float) -> tuple[Field, float]:
    apex = rows * rng.uniform(0.48, 0.70)
    fold = min(rows * rng.uniform(0.78, 0.99), apex + reach * rng.uniform(0.7, 1.4))
    top = reach * rng.uniform(0.22, 0.62)
    u = np.clip((apex - y) / (apex * rng.uniform(0.9, 1.1)), 0, None)
    round_, power = rng.uniform(0.7, 1.4), rng.uniform(1.5, 2.3)
    upper = top + (reach - top) * np.exp(-((u * rng.uniform(1.3, 1.9)) ** power) * round_)
    v = np.clip((y - apex) / (fold - apex), 0, 1)
    lower = reach * (1 - v ** rng.uniform(1.4, 2.4)) ** (1 / rng.uniform(1.2, 2.0))
    skin = np.where(y < apex, upper, lower)
    belly = rng.uniform(-0.05, 0.16) * reach  # below the fold; negative: off the film
    smooth = 0.04 * reach
    skin = belly + smooth * np.logaddexp(0, (skin - belly) / smooth)
    return skin.astype(np.float32), float(apex)


def _waves(rng: np.random.Generator, y: Field, rows: int) -> Field:
    total = np.zeros_like(y)
    for cycles in (1.3, 2.4, 4.1, 6.3):
        total += rng.normal() / cycles * np.sin(2 * np.pi * (cycles * y / rows + rng.random()))
    return total


def _distance(skin: Field, columns: int, margin: int) -> Field:
    """Distance to the skin in pixels; beyond the chest wall the breast goes on."""
    step = 2
    x = np.arange(-margin, columns, step, dtype=np.float32)
    inside = (x[None, :] < skin[::step, None]) & (skin[::step, None] > 0)
    # A frame, or an outline that fills the film would have no outside at all.
    inside[:, -1] = False
    near = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    near = cv2.GaussianBlur(near, (0, 0), 1.0) * inside
    full = cv2.resize(
        near, (len(x) * step, len(skin[::step]) * step), interpolation=cv2.INTER_LINEAR
    )
    kept = full[: len(skin), margin : margin + columns] * step
    return np.where(kept > 0.5 * step, kept, 0).astype(np.float32)
