"""What is public about the published weights, and the answer that proves them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from models.registry.errors import RegistryError

if TYPE_CHECKING:
    from models.detector import Detection

MODEL: Final = "ueda2022"
FILE: Final = "resnet152_pascal.h5"

_REPOSITORY: Final = "detection-mammography/keras-retinanet-trained-algorithm"
_TAG: Final = "v0.1-mammography"
_COMMIT: Final = "fb0d7793bc510b2536d8b7cd8b1affc9f34afe02"
RELEASE_PAGE: Final = f"https://github.com/{_REPOSITORY}/releases/tag/{_TAG}"
WEIGHTS_URL: Final = f"https://github.com/{_REPOSITORY}/releases/download/{_TAG}/{FILE}"
PICTURE_URL: Final = (
    f"https://raw.githubusercontent.com/{_REPOSITORY}/{_COMMIT}/testimages/testmammo.jpg"
)

_PICTURE_SIZE: Final = (800, 800)
_PIXELS_SHA256: Final = "3a0b957fd379bc9c0ab1ab186f2b21cedaa056854dcb8cf6046b92d21878f6c7"
"""Of the decoded picture as RGB bytes."""

CORNERS: Final = (147, 482, 269, 596)
"""x0, y0, x1, y1 as the published program draws them: truncated to whole pixels."""
SCORES: Final = (0.5425, 0.5435)
"""What it writes beside the box: 0.543."""
THRESHOLD: Final = 0.3
"""From which score on it draws."""


class Verdict(NamedTuple):
    """Whether a model is what it should be, and one line that says why."""

    passed: bool
    text: str


class TestPicture(NamedTuple):
    """A picture for the proof; ``is_published`` when its pixels are the published ones."""

    pixels: NDArray[np.uint8]
    is_published: bool


def read_picture(path: Path) -> TestPicture:
    """Decode the test picture, JPEG or PNG.

    Raises
    ------
    RegistryError
        It is not there, is no picture, or has another size than the published one.
    """
    try:
        with Image.open(path) as picture:
            size = picture.size
            pixels = np.asarray(picture.convert("RGB")) if size == _PICTURE_SIZE else None
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise RegistryError(f"{path} cannot be read as a picture: {error}") from error
    if pixels is None:
        raise RegistryError(
            f"{path} has {size[0]} x {size[1]} pixels; the published test picture has 800 x 800"
        )
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
    return TestPicture(pixels, digest == _PIXELS_SHA256)


def judge(boxes: Sequence[Detection]) -> Verdict:
    """Compare a model's answer to the test picture with the published one.

    Parameters
    ----------
    boxes : sequence of Detection
        Every box at or above ``THRESHOLD``, in pixels of the picture.
    """
    shown = [box for box in boxes if box.score >= THRESHOLD]
    wanted = f"published: one, {_corners(CORNERS)} with score 0.543"
    if not shown:
        return Verdict(False, f"no box at {THRESHOLD} or above ({wanted})")
    best = max(shown, key=lambda box: box.score)
    corners = (int(best.x0), int(best.y0), int(best.x1), int(best.y1))
    count = "one box" if len(shown) == 1 else f"{len(shown)} boxes"
    said = f"{count} at {THRESHOLD} or above, the best {_corners(corners)} with score"
    low, high = SCORES
    if len(shown) == 1 and corners == CORNERS and low <= best.score <= high:
        return Verdict(
            True,
            f"one box at {THRESHOLD} or above, {_corners(corners)} with score {best.score:.4f}",
        )
    return Verdict(False, f"{said} {best.score:.4f} ({wanted})")


def _corners(corners: tuple[int, int, int, int]) -> str:
    x0, y0, x1, y1 = corners
    return f"({x0}, {y0})-({x1}, {y1})"
