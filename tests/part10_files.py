"""Part 10 files in memory: made, damaged in one place, and checked."""

from __future__ import annotations

import io

from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLosslessSV1

from node.dicom.integrity import check_part10
from tests.factories import COLUMNS, ROWS, make_mammogram

PIXEL_BYTES = ROWS * COLUMNS * 2


def part10(image: Dataset) -> bytes:
    buffer = io.BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def encapsulated() -> Dataset:
    image = make_mammogram(transfer_syntax=JPEGLosslessSV1)
    image.PixelData = encapsulate([b"\xff\xd8" + bytes(1000) + b"\xff\xd9"])
    image["PixelData"].VR = "OB"
    return image


def check(data: bytes) -> Dataset:
    return check_part10(io.BytesIO(data), len(data))


def replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) == 1, "the damage must hit one place"
    return data.replace(old, new)
