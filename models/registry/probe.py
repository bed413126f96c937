"""What a model answers to a picture of our own, to be compared with what it answers later.

A checksum proves the file; this proves that file, code, Keras and machine together still
compute what they computed on the day of the registration.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.errors import NotFinite
from models.spec import ModelSpec

PICTURE: Final = "rings-1"
"""Name of the picture; another picture needs another name, or old records would fail."""

SAMPLES: Final = 24
"""Anchors whose answers are kept, evenly spaced over all levels."""

SCORE_TOLERANCE: Final = 2e-3
OFFSET_TOLERANCE: Final = 3e-3
"""Absolute, ten times what two versions of TensorFlow differ by (tests/golden)."""
RELATIVE_TOLERANCE: Final = 1e-3


def picture(side: int) -> NDArray[np.uint8]:
    """Draw rings and a ramp in integers, (side, side * 3 // 4): the same bytes everywhere."""
    rows, columns = side, max(side * 3 // 4, 1)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.int64)
    distance = (y - rows // 3) ** 2 + (2 * x - columns // 2) ** 2
    rings = distance * 4096 // (side * side) % 160
    ramp = y * 95 // max(rows - 1, 1)
    return np.where(x * 5 < columns * 4, rings + ramp, 0).astype(np.uint8)


def answers(spec: ModelSpec, weights: Path) -> dict[str, Any]:
    """Load a model and give a sample of what it answers to the picture.

    Raises
    ------
    WeightsError
        The file cannot be used; the text says why.
    NotFinite
        The network answers NaN or infinity.
    """
    # Both import numerical libraries that `mgnode model list` does without.
    from models.network import Network
    from models.preprocess import prepare

    network = Network.load(spec, weights, kept=(spec.class_index,))
    pixels, _ = prepare(picture(spec.side), spec)
    found = network(pixels)
    offsets, scores = np.asarray(found.regression), np.asarray(found.classification)[:, 0]
    if not (np.isfinite(offsets).all() and np.isfinite(scores).all()):
        raise NotFinite(f"{spec.name} answers NaN or infinity to a picture of rings")
    chosen = np.linspace(0, len(scores) - 1, SAMPLES).round().astype(int)
    return {
        "picture": PICTURE,
        "anchors": len(scores),
        "scores": [round(float(score), 6) for score in scores[chosen]],
        "offsets": [[round(float(part), 6) for part in row] for row in offsets[chosen]],
    }


def difference(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say how the answers differ from those on record; empty when they are the same."""
    if recorded["picture"] != now["picture"]:
        return f"they are of another picture, {recorded['picture']}"
    if recorded["anchors"] != now["anchors"]:
        return f"{now['anchors']} anchors instead of {recorded['anchors']}"
    for what, tolerance in (("scores", SCORE_TOLERANCE), ("offsets", OFFSET_TOLERANCE)):
        old, new = np.asarray(recorded[what], float), np.asarray(now[what], float)
        if not np.allclose(new, old, rtol=RELATIVE_TOLERANCE, atol=tolerance):
            return f"{what} differ by up to {np.abs(new - old).max():.3g}"
    return ""
