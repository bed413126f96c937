"""Image files as the detector takes them: DICOM, PNG and JPEG."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from pydicom import dcmread

from node.dicom.eligibility import check
from node.dicom.integrity import check_part10
from node.dicom.pixels import to_grey
from node.errors import RejectedInstance, UnreadableDataSet

PICTURES: Final = frozenset({".png", ".jpg", ".jpeg"})
_WHITE: Final = 255
_LARGEST_16_BIT: Final = 0xFFFF


def read_image(path: Path) -> NDArray[np.uint8]:
    """Give (rows, columns) of a DICOM image, (rows, columns, 3) of a picture.

    Raises
    ------
    RejectedInstance
        The file is no image that the detector may look at.
    """
    return _picture(path) if path.suffix.lower() in PICTURES else _dicom(path)


def _dicom(path: Path) -> NDArray[np.uint8]:
    try:
        with path.open("rb") as stream:
            check_part10(stream, path.stat().st_size)
        dataset = dcmread(path)
    except UnreadableDataSet as error:
        raise RejectedInstance(path.name, "NOT_DICOM", str(error)) from error
    except OSError as error:
        raise RejectedInstance(path.name, "UNREADABLE_FILE", type(error).__name__) from error
    verdict = check(dataset)
    if verdict.reason is not None:
        raise RejectedInstance(path.name, verdict.reason, verdict.detail)
    return to_grey(dataset)


def _picture(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as picture:
            if picture.mode.startswith(("I", "F")):
                return _reduced(path, np.asarray(picture))
            return np.asarray(picture.convert("RGB"))
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise RejectedInstance(path.name, "UNREADABLE_PICTURE", type(error).__name__) from error


def _reduced(path: Path, deep: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Reduce 16-bit grey to 8 bits by the bits it uses; Pillow would cut it off at 255."""
    largest = int(deep.max())
    if (
        not np.issubdtype(deep.dtype, np.integer)
        or int(deep.min()) < 0
        or largest > _LARGEST_16_BIT
    ):
        raise RejectedInstance(path.name, "UNREADABLE_PICTURE", f"pixels of {deep.dtype}")
    full = 2 ** max(largest.bit_length(), 8) - 1
    grey = np.rint(deep.astype(np.float64) * (_WHITE / full)).astype(np.uint8)
    return np.repeat(grey[..., np.newaxis], 3, axis=2)
