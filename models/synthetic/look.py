"""From tissue to grey levels: as a film that was scanned, or as a digital detector shows it."""

from __future__ import annotations

from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synthetic.outline import Breast, Field
from models.synthetic.texture import smoothstep


class Source(StrEnum):
    """How the image was taken."""

    FILM = "film"
    DIGITAL = "digital"


def thickness(breast: Breast, rng: np.random.Generator, source: Source) -> Field:
    """Thickness of the compressed breast, 0 to 1; digital processing evens it out."""
    edge_mm = rng.uniform(14, 45)
    t = np.clip(breast.depth / np.float32(edge_mm), 0, 1)
    round_ = np.sqrt(np.maximum(0, 1 - (1 - t) ** 2))
    power = rng.uniform(0.6, 1.4) if source == Source.FILM else rng.uniform(0.08, 0.6)
    return np.asarray(round_ ** np.float32(power), np.float32)


def expose(
    tissue: Field, clean: Field, breast: Breast, rng: np.random.Generator, source: Source
) -> Field:
    """Turn tissue into grey levels, 0 to 255, with the look of film or of a digital image.

    Parameters
    ----------
    tissue : ndarray of float32, (rows, columns)
        0 is air, 1 the contrast of dense tissue with fat.
    clean : ndarray of float32, (rows, columns)
        The same without lesions: these must not change the exposure.
    """
    inside = clean[::4, ::4][breast.depth[::4, ::4] > 4]
    top = float(np.quantile(inside, 0.995)) * rng.uniform(0.95, 1.3)
    grey = np.clip(tissue / np.float32(max(top, 0.3)), 0, None)
    # The shoulder: what is brighter than nearly everything still shows its shape.
    knee = np.float32(rng.uniform(0.7, 1.0))
    room = np.float32(1.12) - knee
    over = np.maximum(grey - knee, 0)
    grey = np.minimum(grey, knee) + room * np.tanh(over / room)
    gamma = rng.uniform(0.75, 1.5)
    grey = grey ** np.float32(gamma)
    if source == Source.FILM:
        bend = np.float32(rng.uniform(0, 0.8))
        shoulder = np.clip(grey, 0, 1)
        grey = (1 - bend) * np.minimum(grey, 1) + bend * smoothstep(shoulder)
        fog = rng.uniform(2, 38) if rng.random() < 0.5 else 0.0
        white = rng.uniform(190, 262)
        image = fog + (white - fog) * grey
        image *= _vignette(image.shape, rng)
        return np.asarray(image, np.float32)
    around = cv2.GaussianBlur(grey[::4, ::4], (0, 0), rng.uniform(6, 14) / breast.pixel_mm / 4)
    around = cv2.resize(around, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    grey = grey + np.float32(rng.uniform(0, 0.6)) * (grey - around)
    image = rng.uniform(0, 30) + rng.uniform(170, 260) * np.maximum(grey, 0)
    return np.asarray(image * cv2.GaussianBlur(breast.mask.astype(np.float32), (0, 0), 0.6))


def _vignette(shape: tuple[int, ...], rng: np.random.Generator) -> Field:
    rows, columns = shape
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    slope = rng.normal(0, 0.05, 2).astype(np.float32)
    corner = np.float32(rng.uniform(0, 0.12))
    return np.asarray(1 + slope[0] * x + slope[1] * y - corner * (x * x + y * y) / 2)


def degrade(
    image: Field, breast_mask: NDArray[np.bool_], rng: np.random.Generator, source: Source
) -> NDArray[np.uint8]:
    """Blur, add noise, round to 8 bits, sometimes compress."""
    blur = rng.uniform(0, 0.9)
    if blur > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), blur).astype(np.float32)
    noise = rng.standard_normal(image.shape, np.float32)
    if rng.random() < 0.5:
        noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.5, 0.9)).astype(np.float32) * 2
    strength = rng.gamma(2.0, 0.9)
    shape = np.sqrt(np.clip(image, 0, 255) / np.float32(255)) + np.float32(0.15)
    noise *= shape * np.float32(strength)
    if source == Source.DIGITAL:
        noise *= breast_mask
    grey = np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
    if rng.random() < 0.25:
        quality = int(rng.integers(55, 96))
        _, coded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
        grey = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
    return np.asarray(grey, np.uint8)
