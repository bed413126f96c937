"""Lesions as small fields that are added to tissue, with the box a radiologist would draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np

from models.synthetic.anatomy import blurred_share, curve, tapered
from models.synthetic.calcifications import cluster
from models.synthetic.outline import Field
from models.synthetic.texture import power_law, smoothstep

Box = tuple[float, float, float, float]

TAIL: Final = 0.011
"""Share of a lesion's brightness that may lie beyond each side of its box."""

THIN_TAIL: Final = 0.004
"""The same for lines without a core: their ends are all there is to see of their extent."""


class Kind(StrEnum):
    """What a lesion is, in the words of a case's finding."""

    MASS = "mass"
    CALCIFICATION = "calcification"
    DISTORTION = "distortion"
    ASYMMETRY = "asymmetry"


@dataclass(frozen=True, slots=True)
class Lesion:
    """A lesion in a patch of its own.

    Parameters
    ----------
    add : ndarray of float32, (side, side)
        Brightness to add; 1 is the height of the lesion.
    pinch : float
        How far the tissue is drawn to the centre, as a share of the way; 0 for none.
    box : tuple of float
        x0, y0, x1, y1 in the patch; edge coordinates.
    contrast : float
        Height, as a multiple of what is usual for its kind; from subtle to obvious.
    """

    kind: Kind
    add: Field
    pinch: float
    box: Box
    contrast: float


SHARES: Final[Mapping[Kind, float]] = MappingProxyType(
    {Kind.MASS: 0.58, Kind.CALCIFICATION: 0.24, Kind.DISTORTION: 0.10, Kind.ASYMMETRY: 0.08}
)


def draw_lesion(rng: np.random.Generator, pixel_mm: float, kind: Kind | None = None) -> Lesion:
    """Draw a random lesion; of a random kind when none is given."""
    if kind is None:
        kind = list(SHARES)[int(rng.choice(len(SHARES), p=list(SHARES.values())))]
    return _DRAWERS[kind](rng, pixel_mm)


def energy_box(add: Field, tail: float = TAIL) -> Box:
    """Box that holds all but ``tail`` of the brightness at each side."""
    box = []
    for axis in (0, 1):
        sums = np.cumsum(np.abs(add).sum(axis))
        first, last = np.searchsorted(sums, (tail * sums[-1], (1 - tail) * sums[-1]))
        box.append((float(first), float(last + 1)))
    return box[0][0], box[1][0], box[0][1], box[1][1]


def polar(side: int) -> tuple[Field, Field]:
    """Distance to the centre in pixels, and angle in radians, of each pixel of a patch."""
    axis = np.arange(side, dtype=np.float32) - (side - 1) / 2
    x, y = np.meshgrid(axis, axis)
    return np.hypot(x, y).astype(np.float32), np.arctan2(y, x).astype(np.float32)


def _margin(rng: np.random.Generator, angle: Field, rough: float, lobes: float) -> Field:
    """Radius for each angle, as a multiple of the mean one."""
    table = np.linspace(-np.pi, np.pi, 257)
    radius = np.ones_like(table)
    for k in range(2, 14):
        size = lobes / k if k < 6 else rough / np.sqrt(k)
        radius += rng.normal(0, size) * np.cos(k * table + rng.uniform(0, 2 * np.pi))
    radius = np.clip(radius, 0.45, 1.7)
    return np.interp(angle, table, radius).astype(np.float32)


def _grain(rng: np.random.Generator, side: int, beta: float = 2.6) -> Field:
    small = power_law(rng, 64, beta)[0]
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def _body(
    rng: np.random.Generator, side: int, radius: float, *, rough: float, lobes: float, blur: float
) -> Field:
    distance, angle = polar(side)
    squeeze, turn = rng.uniform(0.6, 1.0), rng.uniform(0, np.pi)
    stretch = 1 / np.hypot(np.cos(angle - turn), np.sin(angle - turn) / squeeze)
    edge = _margin(rng, angle, rough, lobes) * stretch * np.float32(radius)
    rho = distance / edge
    wall = 1 / (1 + np.exp(np.clip((rho - 1) / np.float32(blur), -30, 30)))
    dome = np.sqrt(np.clip(1 - (rho * 0.92) ** 2, 0, 1))
    flat = rng.uniform(0.15, 0.6)
    body = wall * (flat + (1 - flat) * dome)
    return np.asarray(body * np.clip(1 + 0.16 * _grain(rng, side), 0.4, 1.6), np.float32)


def _diameter_mm(rng: np.random.Generator) -> float:
    return float(np.clip(rng.lognormal(np.log(17.0), 0.45), 6, 45))


def _mass(rng: np.random.Generator, pixel_mm: float) -> Lesion:
    if rng.random() < 0.5:
        return _spiculated(rng, pixel_mm)
    radius = _diameter_mm(rng) / 2 / pixel_mm
    side = _odd(radius * 4.4)
    look = rng.random()
    if look < 0.3:  # smooth or gently lobulated
        body = _body(rng, side, radius, rough=0.01, lobes=0.10, blur=rng.uniform(0.04, 0.10))
    elif look < 0.65:  # irregular
        body = _body(rng, side, radius, rough=0.08, lobes=0.28, blur=rng.uniform(0.07, 0.18))
    else:  # ill-defined
        body = _body(rng, side, radius, rough=0.06, lobes=0.22, blur=rng.uniform(0.14, 0.25))
    body = _finish(rng, body, pixel_mm)
    return Lesion(Kind.MASS, body, 0.0, energy_box(body), rng.uniform(0.7, 1.5))


def _spiculated(rng: np.random.Generator, pixel_mm: float) -> Lesion:
    radius = np.clip(_diameter_mm(rng), 8, 36) / 2 * rng.uniform(0.55, 0.8) / pixel_mm
    longest = radius * rng.uniform(1.1, 2.2)
    side = _odd((radius + longest) * 2.3)
    core = _body(rng, side, radius, rough=0.10, lobes=0.25, blur=rng.uniform(0.10, 0.24))
    lines = _rays(rng, side, int(rng.integers(10, 34)), 0.5 * radius, longest, pixel_mm)
    core = np.maximum(core, 0)
    # Spicules come out of the core: within it they are hardly seen.
    rays = np.float32(rng.uniform(0.35, 0.9)) * lines
    add = core + rays * np.clip(1 - core / max(float(core.max()), 1e-6), 0, 1)
    add = _finish(rng, add, pixel_mm)
    return Lesion(
        Kind.MASS,
        add,
        float(rng.choice((0.0, rng.uniform(0, 0.15)))),
        energy_box(add),
        rng.uniform(0.75, 1.55),
    )


def _distortion(rng: np.random.Generator, pixel_mm: float) -> Lesion:
    radius = np.clip(_diameter_mm(rng) * 1.2, 12, 40) / 2 / pixel_mm
    side = _odd(radius * 2.5)
    lines = _rays(rng, side, int(rng.integers(18, 44)), 0.05 * radius, radius, pixel_mm, 0.4)
    distance, _ = polar(side)
    hollow = 0.12 * rng.random() * np.exp(-((distance / (0.25 * radius)) ** 2))
    haze = rng.uniform(0, 0.18) * smoothstep(1.2 - distance / np.float32(0.55 * radius))
    add = (_finish(rng, lines, pixel_mm) + haze - hollow).astype(np.float32)
    return Lesion(
        Kind.DISTORTION,
        add,
        rng.uniform(0.25, 0.5),
        energy_box(add, THIN_TAIL),
        rng.uniform(0.9, 1.7),
    )


def _asymmetry(rng: np.random.Generator, pixel_mm: float) -> Lesion:
    radius = rng.uniform(8, 20) / pixel_mm
    side = _odd(radius * 4.0)
    body = _body(rng, side, radius * 0.8, rough=0.06, lobes=0.3, blur=rng.uniform(0.08, 0.16))
    holes = np.clip(0.75 + 0.45 * _grain(rng, side, 3.0), 0.05, 1.6)
    add = _finish(rng, (body * holes).astype(np.float32), pixel_mm)
    return Lesion(Kind.ASYMMETRY, add, 0.0, energy_box(add), rng.uniform(0.9, 1.5))


def _calcification(rng: np.random.Generator, pixel_mm: float) -> Lesion:
    add, box = cluster(rng, pixel_mm)
    if rng.random() < 0.35:
        side = len(add)
        haze = _body(rng, side, side / 5, rough=0.06, lobes=0.25, blur=0.25)
        add = add + np.float32(rng.uniform(0.08, 0.35)) * haze
    return Lesion(Kind.CALCIFICATION, add, 0.0, box, rng.uniform(0.9, 2.0))


def _rays(
    rng: np.random.Generator,
    side: int,
    count: int,
    inner: float,
    longest: float,
    pixel_mm: float,
    thick: float = 0.6,
) -> Field:
    """Thin lines from ``inner`` outwards, tapering; 0 to 1, lengths in pixels."""
    canvas = np.zeros((side, side), np.uint8)
    centre = (side - 1) / 2
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    angles += rng.normal(0, 0.7 * 2 * np.pi / count, count)
    # Spicules often miss a side.
    weight = 1 + 0.7 * np.cos(angles - rng.uniform(0, 2 * np.pi))
    for angle, share in zip(angles, weight, strict=True):
        start = (centre + inner * np.cos(angle), centre + inner * np.sin(angle))
        length = longest * rng.uniform(0.25, 1.0) * (0.55 + 0.45 * min(share, 1))
        path = curve(rng, start, angle + rng.normal(0, 0.12), length, bend=0.3)
        wide = rng.uniform(0.3, 1.0) * thick / pixel_mm
        tapered(canvas, path, 255 * rng.uniform(0.35, 1.0), wide, 5)
    soft = max(0.55, 0.12 / pixel_mm)
    return blurred_share(canvas, soft)


def _finish(rng: np.random.Generator, add: Field, pixel_mm: float) -> Field:
    """Blur as the film does, end at 0 at the patch's border, and set the height to 1."""
    sigma = max(0.5, rng.uniform(0.08, 0.25) / pixel_mm)
    add = np.asarray(cv2.GaussianBlur(add, (0, 0), sigma), np.float32)
    distance, _ = polar(len(add))
    add = add * smoothstep((len(add) / 2 - distance) / (0.15 * len(add)))
    return (add / max(float(np.quantile(add, 0.995)), 1e-6)).astype(np.float32)


def _odd(side: float) -> int:
    return int(np.ceil(side)) | 1


_DRAWERS: Final[Mapping[Kind, Callable[[np.random.Generator, float], Lesion]]] = MappingProxyType(
    {
        Kind.MASS: _mass,
        Kind.CALCIFICATION: _calcification,
        Kind.DISTORTION: _distortion,
        Kind.ASYMMETRY: _asymmetry,
    }
)
