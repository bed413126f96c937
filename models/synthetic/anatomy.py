"""What is drawn as lines and planes: muscle, vessels, ducts, ligaments, skin, nipple."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synthetic.outline import Breast, Field
from models.synthetic.texture import smoothstep

SHIFT = 4
"""Fractional bits of the coordinates that OpenCV draws with."""


def curve(
    rng: np.random.Generator,
    start: tuple[float, float],
    heading: float,
    length: float,
    *,
    bend: float,
    steps: int = 24,
) -> NDArray[np.float32]:
    """Make a smooth random path, (steps, 2) columns and rows, in pixels.

    Parameters
    ----------
    heading : float
        Direction at the start, in radians.
    bend : float
        Standard deviation of the change of direction over the whole path, in radians.
    """
    turns = rng.normal(0, bend / np.sqrt(steps), steps) + rng.normal(0, bend) / steps
    angles = heading + np.cumsum(turns)
    step = length / steps
    path = np.stack([np.cos(angles), np.sin(angles)], 1) * step
    return np.asarray(np.cumsum(path, 0) + np.asarray(start), np.float32)


def stroke(
    canvas: NDArray[np.uint8], path: NDArray[np.float32], value: float, width: float
) -> None:
    """Draw a path of a width in pixels; lines thinner than a pixel become fainter instead."""
    level = value * min(1.0, width)
    points = np.round(path * (1 << SHIFT)).astype(np.int32)
    cv2.polylines(
        canvas,
        [points],
        False,
        int(np.clip(level, 0, 255)),
        max(1, round(width)),
        cv2.LINE_AA,
        SHIFT,
    )


def tapered(
    canvas: NDArray[np.uint8], path: NDArray[np.float32], value: float, width: float, parts: int
) -> None:
    """Draw a path that becomes thinner and fainter toward its end."""
    shares = 1 - np.arange(parts) / parts
    _drawn(canvas, path, value, width, shares)


def faded(
    canvas: NDArray[np.uint8], path: NDArray[np.float32], value: float, width: float, parts: int
) -> None:
    """Draw a path that comes out of nothing and ends in nothing."""
    shares = np.sin(np.pi * (np.arange(parts) + 0.5) / parts)
    _drawn(canvas, path, value, width, shares)


def _drawn(
    canvas: NDArray[np.uint8],
    path: NDArray[np.float32],
    value: float,
    width: float,
    shares: NDArray[np.float64],
) -> None:
    pieces = np.array_split(np.arange(len(path) - 1), len(shares))
    for share, piece in zip(shares, pieces, strict=True):
        points = path[piece[0] : piece[-1] + 2]
        stroke(canvas, points, value * (0.15 + 0.85 * share), max(0.35, width * share))


def blurred_share(canvas: NDArray[np.uint8], sigma: float) -> Field:
    """Blur what was drawn, ``sigma`` in pixels; 255 becomes 1."""
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), sigma), np.float32) / np.float32(255)


def strands(breast: Breast, rng: np.random.Generator, amount: float) -> Field:
    """Cooper's ligaments and connective strands: many thin lines of all strengths.

    Parameters
    ----------
    amount : float
        1 for the usual number.

    Returns
    -------
    ndarray of float32, (rows, columns)
        To add; 1 is the contrast of dense tissue.
    """
    mm = breast.pixel_mm
    canvas = np.zeros(breast.depth.shape, np.uint8)
    ys, xs = np.nonzero(breast.depth[::4, ::4] > 3)
    if len(xs) == 0:
        return canvas.astype(np.float32)
    for _ in range(int(rng.uniform(60, 240) * amount)):
        pick = rng.integers(len(xs))
        x, y = float(xs[pick] * 4), float(ys[pick] * 4)
        toward = np.arctan2(breast.nipple[1] - y, breast.nipple[0] - x)
        if rng.random() < 0.25:
            toward = rng.uniform(0, 2 * np.pi)
        length = rng.gamma(2.5, 9) / mm
        path = curve(rng, (x, y), toward + rng.normal(0, 0.45), length, bend=rng.uniform(0.2, 0.9))
        value = 255 * min(0.95, rng.gamma(2.0, 0.13))
        faded(canvas, path, value, rng.uniform(0.15, 0.6) / mm, 7)
    return blurred_share(canvas, rng.uniform(0.5, 0.9))


def ducts(breast: Breast, rng: np.random.Generator) -> Field:
    """Ducts that run together at the nipple; to add, 1 is the contrast of dense tissue."""
    mm = breast.pixel_mm
    canvas = np.zeros(breast.depth.shape, np.uint8)
    for _ in range(rng.integers(3, 14)):
        heading = np.pi + rng.normal(0, 0.5)
        start = (breast.nipple[0] - 2 / mm, breast.nipple[1] + rng.normal(0, 2) / mm)
        path = curve(rng, start, heading, rng.uniform(15, 60) / mm, bend=0.5)
        tapered(canvas, path, 255 * rng.uniform(0.1, 0.5), rng.uniform(0.5, 1.5) / mm, 8)
    return blurred_share(canvas, 0.9)


def vessels(
    breast: Breast, rng: np.random.Generator
) -> tuple[Field, list[tuple[NDArray[np.float32], float]]]:
    """Draw veins and arteries, branching.

    Returns
    -------
    tuple
        The image to add; the paths with their width in pixels, for calcified walls.
    """
    mm = breast.pixel_mm
    canvas = np.zeros(breast.depth.shape, np.uint8)
    drawn = []
    rows = breast.depth.shape[0]
    for _ in range(rng.integers(1, 8)):
        y = float(np.clip(breast.nipple[1] + rng.normal(0, 0.25) * rows, 0, rows - 1))
        start = (float(rng.uniform(-0.2, 0.2) * breast.reach), y)
        toward = np.arctan2(breast.nipple[1] - y, breast.nipple[0] - start[0])
        width = rng.uniform(0.6, 2.2) / mm
        value = 255 * rng.uniform(0.06, 0.30)
        path = curve(
            rng,
            start,
            toward + rng.normal(0, 0.5),
            rng.uniform(60, 140) / mm,
            bend=rng.uniform(0.5, 1.4),
            steps=48,
        )
        tapered(canvas, path, value, width, 12)
        drawn.append((path, width))
        for _ in range(rng.integers(0, 3)):
            at = int(rng.integers(8, 40))
            along = path[at] - path[at - 1]
            heading = np.arctan2(along[1], along[0]) + rng.choice((-1, 1)) * rng.uniform(0.3, 0.8)
            branch = curve(
                rng,
                (float(path[at][0]), float(path[at][1])),
                float(heading),
                rng.uniform(15, 50) / mm,
                bend=0.7,
            )
            tapered(canvas, branch, value * 0.8, width * 0.65, 10)
    return blurred_share(canvas, 1.1), drawn


def pectoral(breast: Breast, rng: np.random.Generator, grain: Field) -> tuple[Field, Field]:
    """Draw the pectoral muscle of an oblique view.

    Returns
    -------
    tuple of ndarray of float32, (rows, columns)
        The image to add, and the muscle's share of each pixel, 0 to 1.
    """
    rows, columns = breast.depth.shape
    along = min(float(breast.skin[0]) * rng.uniform(0.45, 1.1), 0.8 * breast.reach)
    down = rows * rng.uniform(0.30, 0.78)
    x = np.arange(columns, dtype=np.float32)[None, :]
    y = np.arange(rows, dtype=np.float32)[:, None]
    bow = rng.uniform(-0.25, 0.15)
    t = np.clip(y / down, 0, 1.2)
    edge = along * (1 - t) * (1 + bow * t)
    distance = (edge - x) * np.float32(down / np.hypot(along, down)) * breast.pixel_mm
    blur = rng.uniform(1.0, 6.0)
    share = smoothstep(distance / np.float32(blur) + 0.5)
    share *= smoothstep((down - y) / np.float32(0.08 * rows) + 0.2)
    slope = np.arctan2(down, -along)
    across = x * np.float32(np.sin(slope)) - y * np.float32(np.cos(slope))
    fibres = np.sin(across * np.float32(breast.pixel_mm * rng.uniform(0.6, 1.6)) + 1.5 * grain)
    level = rng.uniform(0.35, 1.15)
    plane = 1 + np.float32(rng.uniform(0.005, 0.05)) * fibres + np.float32(0.06) * grain
    thinning = 1 - np.float32(rng.uniform(0, 0.5)) * np.exp(-np.maximum(distance, 0) / 12)
    return (np.float32(level) * share * plane * thinning).astype(np.float32), share


def skin_line(breast: Breast, rng: np.random.Generator) -> Field:
    """Skin seen edge-on, 1 to 3 mm thick; to add, 1 is the contrast of dense tissue."""
    thick = np.float32(rng.uniform(0.8, 2.0))
    level = np.float32(rng.uniform(0.05, 0.6))
    line = np.exp(-(((breast.depth - thick * 0.7) / thick) ** 2)) * breast.mask
    return np.asarray(level * line, np.float32)


def nipple_disc(breast: Breast, rng: np.random.Generator) -> Field:
    """Draw a nipple that is not in profile: a soft disc, or a ring where its rim is seen."""
    mm = breast.pixel_mm
    rows, columns = breast.depth.shape
    cx = breast.nipple[0] - rng.uniform(2, 22) / mm
    cy = breast.nipple[1] + rng.normal(0, 6) / mm
    radius = rng.uniform(3.5, 6.5) / mm
    x = np.arange(columns, dtype=np.float32)[None, :] - np.float32(cx)
    y = np.arange(rows, dtype=np.float32)[:, None] - np.float32(cy)
    rho = np.hypot(x, y * np.float32(rng.uniform(0.8, 1.2))) / np.float32(radius)
    disc = 1 / (1 + np.exp(np.minimum((rho - 1) / np.float32(rng.uniform(0.06, 0.15)), 30)))
    ring = np.exp(-(((rho - 1) / 0.2) ** 2))
    mix = rng.uniform(0, 0.5)
    return np.asarray(rng.uniform(0.15, 0.7) * ((1 - mix) * disc + mix * ring), np.float32)
