"""Anatomical noise: power-law textures, bent toward the nipple, and dense tissue."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synthetic.outline import Breast, Field

TILE: Final = 1024
"""Side of the periodic noise fields, in pixels."""

DENSE_SHARE: Final = {"A": (0.03, 0.12), "B": (0.12, 0.38), "C": (0.38, 0.70), "D": (0.70, 0.93)}
"""Share of the breast that is dense tissue, for each BI-RADS density."""


def power_law(
    rng: np.random.Generator, side: int, beta: float, *, lowest: float = 1.0
) -> tuple[Field, Field]:
    """Make two independent periodic fields whose power spectrum falls as f to the -beta.

    Parameters
    ----------
    side : int
        Rows and columns, in pixels.
    lowest : float
        Frequency, in cycles a side, below which the spectrum is flat.

    Returns
    -------
    tuple of ndarray of float32, (side, side)
        Mean 0, standard deviation 1.
    """
    f = np.fft.fftfreq(side, 1 / side).astype(np.float32)
    radius = np.hypot(f[:, None], f[None, :])
    amplitude = np.maximum(radius, lowest) ** np.float32(-beta / 2)
    amplitude[0, 0] = 0
    white = rng.standard_normal((side, side, 2), dtype=np.float32).view(np.complex64)[..., 0]
    both = np.fft.ifft2(white * amplitude)
    return _unit(both.real), _unit(both.imag)


def _unit(field: NDArray[np.floating]) -> Field:
    field = field - field.mean()
    return np.asarray(field / field.std(), np.float32)


def toward_nipple(field: Field, breast: Breast, stretch: float) -> Field:
    """Bend a periodic field so that its grain runs toward the nipple.

    Parameters
    ----------
    stretch : float
        How many times longer the grain is along the rays than across them.
    """
    rows, columns = breast.depth.shape
    # Behind the film's edge, so that rays do not meet in a point within the breast.
    x0 = np.float32(breast.nipple[0] + 0.15 * breast.reach)
    dx = x0 - np.arange(columns, dtype=np.float32)[None, :]
    dy = np.arange(rows, dtype=np.float32)[:, None] - np.float32(breast.nipple[1])
    dx, dy = np.broadcast_to(dx, (rows, columns)), np.broadcast_to(dy, (rows, columns))
    radius, angle = cv2.cartToPolar(np.ascontiguousarray(dx), np.ascontiguousarray(dy))
    angle = np.where(angle > np.pi, angle - 2 * np.pi, angle).astype(np.float32)
    side = len(field)
    u = np.mod(radius / np.float32(stretch), side)
    v = np.mod(angle * np.float32(0.6 * breast.reach), side)
    bent = cv2.remap(field, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(bent, np.float32)


def place(field: Field, breast: Breast, rng: np.random.Generator) -> Field:
    """Cut a random window of the film's size out of a periodic field."""
    rows, columns = breast.depth.shape
    shifted = np.roll(field, tuple(rng.integers(0, len(field), 2)), (0, 1))
    again = -(-max(rows, columns) // len(field))
    return np.tile(shifted, (again, again))[:rows, :columns]


def smoothstep(x: Field) -> Field:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)


def ridges(field: Field, width: float) -> Field:
    """Thin bright walls where the field passes through 0, as between fat lobules."""
    return np.asarray(np.exp(-((field / np.float32(width)) ** 2)), np.float32)


def gland_prior(breast: Breast, rng: np.random.Generator) -> Field:
    """Where dense tissue tends to lie: a cone behind the nipple, off skin and chest wall."""
    rows, columns = breast.depth.shape
    x = np.arange(columns, dtype=np.float32)[None, :]
    y = np.arange(rows, dtype=np.float32)[:, None]
    reach = breast.reach
    cx = reach * rng.uniform(0.45, 0.70)
    cy = breast.nipple[1] + reach * rng.uniform(-0.40, 0.10)
    wide, tall = reach * rng.uniform(0.40, 0.75), reach * rng.uniform(0.45, 0.95)
    tilt = rng.uniform(-0.3, 0.6)
    dy = y - cy + tilt * (cx - x)
    bump = np.exp(-(((x - cx) / wide) ** 2) - (dy / tall) ** 2)
    subcutaneous = smoothstep(breast.depth / np.float32(rng.uniform(8, 20)) - 0.25)
    return (bump * subcutaneous).astype(np.float32)


def dense_tissue(
    breast: Breast, rng: np.random.Generator, density: str, lumps: Field, fine: Field
) -> Field:
    """Draw the share of dense tissue in each pixel, 0 to about 1.

    Parameters
    ----------
    density : str
        BI-RADS, "A" to "D".
    lumps, fine : ndarray of float32, (rows, columns)
        Coarse noise for the shape of the gland, and detail within it.
    """
    low, high = DENSE_SHARE[density]
    prior = gland_prior(breast, rng)
    score = prior * np.float32(rng.uniform(2.5, 4.0)) + lumps * np.float32(rng.uniform(0.6, 1.0))
    score += fine * np.float32(rng.uniform(0.05, 0.25))
    inside = score[::4, ::4][breast.mask[::4, ::4]]
    cut = np.float32(np.quantile(inside, 1 - rng.uniform(low, high)))
    soft = np.float32(rng.uniform(1.2, 3.2))
    gland = smoothstep((score - cut) / soft + 0.5)
    gland *= smoothstep(breast.depth / np.float32(rng.uniform(4, 10)))
    detail = 1 + np.float32(rng.uniform(0.06, 0.22)) * fine + np.float32(0.12) * lumps
    return np.asarray(gland * np.clip(detail, 0.15, 2.0), np.float32)
