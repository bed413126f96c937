"""Part 10 files in memory: made, damaged in one place, and checked."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLosslessSV1

from node.demo.data_set import data_set_offset
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


def data_set_digest(path: Path) -> str:
    """SHA-256 of the data set of a Part 10 file: all bytes after the File Meta Information.

    The File Meta Information is left out because each receiver writes its own;
    the data set is what the sender sent.

    Raises
    ------
    UnreadableDataSet
        When the file has no File Meta Information.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        stream.seek(data_set_offset(stream))
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
