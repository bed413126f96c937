"""One synthetic mammogram: anatomy, lesions, film or digital look, things that distract."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synthetic.anatomy import (
    ducts,
    nipple_disc,
    pectoral,
    skin_line,
    strands,
    vessels,
)
from models.synthetic.calcifications import coarse, scattered, tram_track
from models.synthetic.distractors import (
    film_damage,
    film_edges,
    labels,
    lymph_node,
    skin_fold,
    skin_markers,
)
from models.synthetic.insert import add_lesion, local_height
from models.synthetic.lesions import Box, Kind, Lesion, draw_lesion
from models.synthetic.look import Source, degrade, expose, thickness
from models.synthetic.outline import Breast, Field, View, draw_outline
from models.synthetic.texture import (
    TILE,
    dense_tissue,
    place,
    power_law,
    ridges,
    smoothstep,
    toward_nipple,
)
from models.synthetic.visibility import is_visible

LESIONS: Final = (0.38, 0.55, 0.07)
"""Probability of no, one and two lesions."""

BRIGHTER: Final = (1.0, 1.4, 2.0)
"""A lesion that does not show is made brighter; one that still does not is left out."""

DENSITIES: Final = ("A", "B", "C", "D")
DENSITY_SHARES: Final = (0.18, 0.37, 0.32, 0.13)


@dataclass(frozen=True, slots=True)
class SyntheticLesion:
    """A lesion and where it lies: x0, y0, x1, y1, edge coordinates of the image."""

    kind: Kind
    box: Box


@dataclass(frozen=True, slots=True)
class Mammogram:
    """A synthetic image, uint8 (rows, columns), bright means dense, and what it shows."""

    pixels: NDArray[np.uint8]
    side: str
    view: View
    density: str
    source: Source
    pixel_mm: float
    lesions: tuple[SyntheticLesion, ...]


@dataclass(frozen=True, slots=True)
class Patient:
    """What the views of one breast have in common."""

    side: str
    density: str
    source: Source
    rows: int
    columns: int
    height_mm: float


def draw_patient(rng: np.random.Generator) -> Patient:
    """Draw a breast, and the film or detector that its views are taken with."""
    source = Source.FILM if rng.random() < 0.6 else Source.DIGITAL
    rows = int(rng.integers(800, 961))
    aspect = rng.uniform(0.52, 0.80)
    return Patient(
        side=str(rng.choice(("L", "R"))),
        density=str(rng.choice(DENSITIES, p=DENSITY_SHARES)),
        source=source,
        rows=rows,
        columns=int(rows * aspect),
        height_mm=float(rng.choice((240, 300), p=(0.65, 0.35)) * rng.uniform(0.93, 1.05)),
    )


def make_image(
    seed: int, index: int, *, lesions: bool = True, kind: Kind | None = None
) -> Mammogram:
    """Make image ``index`` of a series; the same two numbers give the same image.

    Images 2k and 2k + 1 are the CC and MLO views of one breast.

    Parameters
    ----------
    lesions : bool
        Without, the image is the same but for its lesions.
    kind : Kind, optional
        One lesion of this kind, instead of a random number of random ones; none where it
        would not show.
    """
    if seed < 0 or index < 0:
        raise ValueError(f"seed and index must not be negative: {seed}, {index}")
    patient = draw_patient(np.random.default_rng([seed, index // 2, 0]))
    streams = [np.random.default_rng([seed, index, n]) for n in (1, 2, 4)]
    view = View.MLO if index % 2 else View.CC
    pixel_mm = patient.height_mm / patient.rows
    breast = draw_outline(streams[0], patient.rows, patient.columns, pixel_mm, view)
    clean, gland, allowed = _tissue(breast, streams[0], patient)
    wanted = _lesions(streams[1], pixel_mm, kind)

    def exposed(tissue: Field) -> Field:
        return expose(
            tissue, clean, breast, np.random.default_rng([seed, index, 3]), patient.source
        )

    grey = without = exposed(clean)
    tissue = clean
    found: list[SyntheticLesion] = []
    limit = smoothstep(breast.depth / np.float32(4.0))
    for lesion in wanted if lesions else ():
        at = _where(streams[1], lesion, breast, gland, allowed, found)
        if at is None:
            continue
        height = local_height(clean, lesion, at, 1.0)
        for factor in BRIGHTER:
            trial = tissue.copy()
            box = add_lesion(trial, lesion, at, height * factor, limit)
            shown = exposed(trial)
            if is_visible(shown, without, box, lesion.kind):
                tissue, grey = trial, shown
                found.append(SyntheticLesion(lesion.kind, box))
                break
    image = Mammogram(
        np.zeros((0, 0), np.uint8),
        patient.side,
        view,
        patient.density,
        patient.source,
        pixel_mm,
        tuple(found),
    )
    return _finish(image, grey, breast, streams[2])


def _tissue(
    breast: Breast, rng: np.random.Generator, patient: Patient
) -> tuple[Field, Field, NDArray[np.bool_]]:
    """Tissue without lesions, the share of dense tissue, and where lesions may lie."""
    beta = rng.uniform(2.6, 3.4)
    one, two = power_law(rng, TILE, beta, lowest=4)
    _, four = power_law(rng, TILE // 2, rng.uniform(2.4, 3.2), lowest=3)
    # Smooth, so that where they pass through 0 lines run on and no specks appear.
    five, six = power_law(rng, TILE // 2, 6.0, lowest=float(rng.uniform(5, 12)))
    coarse_one, coarse_two = power_law(rng, TILE // 4, rng.uniform(3.4, 4.2), lowest=3)
    isotropic = place(one, breast, rng)
    rays = toward_nipple(two, breast, rng.uniform(1.3, 2.6))
    large = cv2.resize(coarse_one, (TILE, TILE), interpolation=cv2.INTER_CUBIC)
    lumps = toward_nipple(large.astype(np.float32), breast, rng.uniform(0.9, 1.8))
    wide = cv2.resize(coarse_two, (TILE, TILE), interpolation=cv2.INTER_CUBIC)
    lumps = 0.7 * lumps + 0.6 * place(wide.astype(np.float32), breast, rng)
    fine = toward_nipple(four, breast, rng.uniform(1.0, 2.2))
    lobules = place(five, breast, rng)
    rows_of = toward_nipple(six, breast, rng.uniform(1.5, 3.5))
    mix = np.float32(rng.uniform(0.3, 0.8))
    fine = mix * fine + (1 - mix) * rays
    fine -= cv2.resize(
        cv2.GaussianBlur(fine[::4, ::4], (0, 0), 12 / breast.pixel_mm / 4), fine.shape[::-1]
    )
    fine /= max(float(fine.std()), 1e-3)
    gland = dense_tissue(breast, rng, patient.density, lumps + np.float32(0.22) * isotropic, fine)
    thick = thickness(breast, rng, patient.source)
    fatty = np.float32(rng.uniform(0.35, 0.9))
    fat = 1 + np.float32(rng.uniform(0.06, 0.22)) * (0.6 * rays + 0.6 * isotropic)
    fat += np.float32(rng.uniform(0.02, 0.10)) * fine
    body = fatty * np.clip(fat, 0.2, 2) + gland * np.float32(rng.uniform(0.6, 1.0))
    # Walls between fat lobules: strong beside the gland, weak in pure fat.
    wall_width = rng.uniform(0.05, 0.15)
    walls = ridges(lobules, wall_width) * smoothstep(0.5 + 0.5 * lumps)
    walls += ridges(rows_of, wall_width) * smoothstep(0.6 - 0.5 * lumps)
    spread = cv2.GaussianBlur(gland[::4, ::4], (0, 0), 10 / breast.pixel_mm / 4)
    near = cv2.resize(spread, gland.shape[::-1])
    body += walls * np.float32(rng.uniform(0.05, 0.25)) * (0.4 + np.minimum(near, 1))
    body += strands(breast, rng, rng.uniform(0.5, 1.6)) * np.float32(rng.uniform(0.3, 0.8))
    body += ducts(breast, rng) * np.float32(rng.uniform(0.2, 0.7))
    blood, paths = vessels(breast, rng)
    body += blood
    allowed = breast.depth > 4
    if breast.view == View.MLO:
        muscle, share = pectoral(breast, rng, isotropic)
        keep = rng.uniform(0.35, 0.9)
        body = body * (1 - share * np.float32(keep)) + muscle
        allowed &= share < 0.1
        for _ in range(rng.poisson(0.7)):
            body += lymph_node(breast, rng)
    if rng.random() < 0.35:
        body += nipple_disc(breast, rng)
    if rng.random() < 0.12:
        body += skin_fold(breast, rng)
    body += skin_line(breast, rng)
    body += _calcium(breast, rng, paths)
    return (body * thick * (breast.depth > 0)).astype(np.float32), gland, allowed


def _calcium(
    breast: Breast, rng: np.random.Generator, paths: list[tuple[NDArray[np.float32], float]]
) -> Field:
    """Harmless calcifications."""
    shape = breast.depth.shape
    calcium = np.zeros(shape, np.float32)
    if rng.random() < 0.4:
        calcium += scattered((shape[0], shape[1]), rng, int(rng.integers(1, 9)), breast.pixel_mm)
    if paths and rng.random() < 0.12:
        path, width = paths[int(rng.integers(len(paths)))]
        calcium += tram_track((shape[0], shape[1]), rng, path, width, breast.pixel_mm)
    if rng.random() < 0.1:
        x, y = rng.uniform(0.15, 0.8) * breast.reach, rng.uniform(0.3, 0.75) * shape[0]
        calcium += coarse((shape[0], shape[1]), rng, x, y, breast.pixel_mm)
    return calcium


def _lesions(rng: np.random.Generator, pixel_mm: float, kind: Kind | None) -> list[Lesion]:
    count = 1 if kind is not None else int(rng.choice(3, p=LESIONS))
    return [draw_lesion(rng, pixel_mm, kind) for _ in range(count)]


def _where(
    rng: np.random.Generator,
    lesion: Lesion,
    breast: Breast,
    gland: Field,
    allowed: NDArray[np.bool_],
    others: list[SyntheticLesion],
) -> tuple[int, int] | None:
    """Choose the centre: well inside the breast, rather in the gland, off other lesions."""
    rows, columns = breast.depth.shape
    radius = max(lesion.box[2] - lesion.box[0], lesion.box[3] - lesion.box[1]) / 2
    room = allowed & (breast.depth > max(0.7 * radius * breast.pixel_mm, 6))
    edge = int(0.8 * radius) + 6
    room[:edge], room[rows - edge :] = False, False
    room[:, : max(20, edge // 2)], room[:, columns - edge :] = False, False
    for other in others:
        x0, y0, x1, y1 = (round(v) for v in other.box)
        far = int(radius) + 4
        room[max(0, y0 - far) : y1 + far, max(0, x0 - far) : x1 + far] = False
    ys, xs = np.nonzero(room[::4, ::4])
    if len(xs) == 0:
        return None
    weight = 0.35 + np.minimum(gland[::4, ::4][ys, xs], 1).astype(np.float64)
    pick = int(rng.choice(len(xs), p=weight / weight.sum()))
    return int(xs[pick]) * 4, int(ys[pick]) * 4


def _finish(image: Mammogram, grey: Field, breast: Breast, rng: np.random.Generator) -> Mammogram:
    """Hang the image, add labels, markers and damage, degrade it, sometimes pad it."""
    film = image.source == Source.FILM
    mask, found = breast.mask, image.lesions
    chest_left = image.side == "L"
    if not chest_left:
        grey, mask = np.ascontiguousarray(grey[:, ::-1]), mask[:, ::-1]
        found = tuple(replace(one, box=_mirrored(one.box, grey.shape[1])) for one in found)
    if rng.random() < 0.10:
        skin_markers(grey, mask, rng, image.pixel_mm)
    if rng.random() < 0.8:
        labels(grey, image.side, image.view, rng, film=film, chest_left=chest_left)
    if film and rng.random() < 0.7:
        film_damage(grey, rng)
    if film and rng.random() < 0.6:
        film_edges(grey, rng)
    pixels = degrade(grey, mask, rng, image.source)
    if rng.random() < 0.15:
        rows, columns = pixels.shape
        left = int(rng.integers(0, rows - columns + 1))
        padding = (0, 0, left, rows - columns - left)
        padded = cv2.copyMakeBorder(pixels, *padding, cv2.BORDER_CONSTANT, value=0)
        pixels = np.asarray(padded, np.uint8)
        found = tuple(
            replace(one, box=(one.box[0] + left, one.box[1], one.box[2] + left, one.box[3]))
            for one in found
        )
    return replace(image, pixels=pixels, lesions=found)


def _mirrored(box: Box, columns: int) -> Box:
    return columns - box[2], box[1], columns - box[0], box[3]
