"""Calcium: clusters that are lesions, and the harmless kinds that are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.synthetic.outline import Field


def dot(
    canvas: Field, rng: np.random.Generator, x: float, y: float, size: float, height: float
) -> None:
    """Add one speck of random shape in place.

    Parameters
    ----------
    x, y, size : float
        Centre and mean diameter in pixels of ``canvas``.
    height : float
        Of a speck that is larger than a pixel; a smaller one becomes fainter.
    """
    rows, columns = canvas.shape
    aspect, turn = rng.uniform(1.0, 3.0), rng.uniform(0, np.pi)
    reach = int(np.ceil(size * 1.5 + 2))
    x0, x1 = max(0, int(x) - reach), min(columns, int(x) + reach + 1)
    y0, y1 = max(0, int(y) - reach), min(rows, int(y) + reach + 1)
    if x0 >= x1 or y0 >= y1:
        return
    dx = np.arange(x0, x1, dtype=np.float32)[None, :] - np.float32(x)
    dy = np.arange(y0, y1, dtype=np.float32)[:, None] - np.float32(y)
    u = (dx * np.float32(np.cos(turn)) + dy * np.float32(np.sin(turn))) / np.sqrt(aspect)
    v = (dy * np.float32(np.cos(turn)) - dx * np.float32(np.sin(turn))) * np.sqrt(aspect)
    half = max(size / 2, 0.55)
    bend = np.float32(rng.normal(0, 0.25)) * u * u / np.float32(half)
    rho = np.hypot(u, v + bend) / np.float32(half)
    fainter = min(1.0, (size / 1.1) ** 1.5)
    speck = np.exp(-(np.minimum(rho, 5) ** 2.5) * 0.8)
    canvas[y0:y1, x0:x1] += (height * fainter * speck).astype(np.float32)


def cluster(
    rng: np.random.Generator, pixel_mm: float
) -> tuple[Field, tuple[float, float, float, float]]:
    """Draw a cluster of 5 to 40 pleomorphic microcalcifications.

    Returns
    -------
    tuple
        The patch to add, 1 the height of a usual speck, and the box around all specks.
    """
    area = rng.uniform(5, 24) / pixel_mm
    thin = rng.choice((rng.uniform(0.55, 1.0), rng.uniform(0.2, 0.4)), p=(0.7, 0.3))
    turn = rng.uniform(0, np.pi)
    count = int(np.clip(rng.gamma(2.4, 7), 6, 40))
    spread = rng.normal(0, 0.24, (count, 2)) * area * np.array([1.0, thin])
    spread = np.clip(spread, -0.55 * area, 0.55 * area)
    c, s = np.cos(turn), np.sin(turn)
    places = spread @ np.array([[c, s], [-s, c]])
    side = int(np.ceil(area * 1.6 + 6 / pixel_mm)) | 1
    places += (side - 1) / 2
    add = np.zeros((side, side), np.float32)
    usual = rng.uniform(0.32, 0.65)
    sizes = np.clip(rng.lognormal(np.log(usual), 0.4, count), 0.15, 1.4) / pixel_mm
    for (x, y), size in zip(places, sizes, strict=True):
        dot(add, rng, float(x), float(y), float(size), rng.uniform(0.45, 1.3))
    rim = sizes.max() / 2 + 0.9 / pixel_mm
    low, high = places.min(0) - rim, places.max(0) + rim
    low, high = np.clip(low, 0, side), np.clip(high, 0, side)
    return add, (float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def scattered(
    shape: tuple[int, int], rng: np.random.Generator, count: int, pixel_mm: float
) -> Field:
    """Draw single benign specks, far from each other; they are no lesion."""
    canvas = np.zeros(shape, np.float32)
    placed: list[tuple[float, float]] = []
    for _ in range(count):
        x, y = rng.uniform(0, shape[1]), rng.uniform(0, shape[0])
        if all(np.hypot(x - a, y - b) * pixel_mm > 15 for a, b in placed):
            placed.append((x, y))
            size = float(np.clip(rng.lognormal(np.log(0.55), 0.5), 0.2, 2.5)) / pixel_mm
            dot(canvas, rng, x, y, size, rng.uniform(0.3, 1.4))
    return canvas


def coarse(
    shape: tuple[int, int], rng: np.random.Generator, x: float, y: float, mm: float
) -> Field:
    """Draw one coarse calcification, popcorn or rim, about ``x``, ``y``; pixels of ``mm``."""
    canvas = np.zeros(shape, np.float32)
    size = rng.uniform(2, 8) / mm
    if rng.random() < 0.5:
        for _ in range(rng.integers(4, 12)):
            at = rng.normal(0, size / 4, 2)
            dot(
                canvas, rng, x + at[0], y + at[1], size * rng.uniform(0.2, 0.5), rng.uniform(0.5, 1)
            )
        return np.minimum(canvas, 1.6)
    gx = np.arange(shape[1], dtype=np.float32)[None, :] - np.float32(x)
    gy = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(y)
    rho = np.hypot(gx, gy * np.float32(rng.uniform(0.75, 1.3))) / np.float32(size / 2)
    rim = np.exp(-(((rho - 1) / np.float32(max(0.12, 1.2 / size))) ** 2))
    return np.asarray(rng.uniform(0.6, 1.3) * (rim + 0.3 * (rho < 1)), np.float32)


def tram_track(
    shape: tuple[int, int],
    rng: np.random.Generator,
    path: NDArray[np.float32],
    width: float,
    pixel_mm: float,
) -> Field:
    """Calcify the two walls of a vessel along ``path``, in pixels; no lesion."""
    canvas = np.zeros(shape, np.float32)
    along = np.gradient(path, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], 1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    dense = np.linspace(0, len(path) - 1, int(len(path) * 4))
    begin = rng.uniform(0, 0.5)
    height = rng.uniform(0.2, 0.9)
    for side in (-1, 1):
        wall = path + side * normal * max(width / 2, 0.5 / pixel_mm)
        for t in dense[int(begin * len(dense)) : int((begin + 0.5) * len(dense))]:
            if rng.random() < 0.55:
                x = np.interp(t, np.arange(len(path)), wall[:, 0])
                y = np.interp(t, np.arange(len(path)), wall[:, 1])
                size = rng.uniform(0.25, 0.7) / pixel_mm
                dot(canvas, rng, float(x), float(y), size, height * rng.uniform(0.4, 1.2))
    return canvas
