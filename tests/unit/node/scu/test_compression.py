"""Pictures are compressed without loss, as PS3.5 wants it, and the same each time."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset, dcmread, dcmwrite
from pydicom.encaps import generate_frames
from pydicom.uid import ComprehensiveSRStorage, SecondaryCaptureImageStorage

from node.scu.compression import compress, preferred_syntaxes
from tests.overlays import overlay_of_one

RLE = "1.2.840.10008.1.2.5"
JPEG_LS = "1.2.840.10008.1.2.4.80"
# Odd in both ways, wider than a run of 128, and of one pixel.
SIZES = [(331, 257), (1, 1), (3, 1001), (1001, 3), (1000, 1)]


def picture(rows: int, columns: int) -> FileDataset:
    """An overlay whose pixels hold long runs and noise, each colour its own."""
    overlay = overlay_of_one()
    random = np.random.default_rng(rows * columns)
    pixels = random.integers(0, 256, (rows, columns, 3), np.uint8)
    pixels[:, : columns // 2] = (0, 255, 7)
    data = pixels.tobytes()
    overlay.Rows, overlay.Columns = rows, columns
    overlay.add_new("PixelData", "OB", data + b"\0" * (len(data) % 2))
    return overlay


def sent(dataset: Dataset) -> FileDataset:
    """Write and read back what would be sent."""
    return dcmread(BytesIO(written(dataset)))


def written(dataset: Dataset) -> bytes:
    stream = BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def frame_of(dataset: Dataset) -> bytes:
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    return frame


def pixels_of(dataset: Dataset) -> NDArray[np.uint8]:
    return np.asarray(dataset.pixel_array)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("syntax", [RLE, JPEG_LS])
def test_every_pixel_comes_back(syntax: str, size: tuple[int, int]) -> None:
    plain = picture(*size)
    expected = pixels_of(plain).copy()

    compressed = sent(compress(picture(*size), syntax))

    assert compressed.file_meta.TransferSyntaxUID == syntax
    assert (pixels_of(compressed).reshape(expected.shape) == expected).all()
    for element in plain:
        if element.keyword != "PixelData":
            assert compressed[element.tag] == element


@pytest.mark.parametrize("syntax", [RLE, JPEG_LS])
def test_the_same_picture_gives_the_same_bytes(syntax: str) -> None:
    first, second = (written(compress(picture(331, 257), syntax)) for _ in range(2))

    assert first == second


def test_an_rle_frame_has_three_segments_of_even_length_at_their_offsets() -> None:
    """PS3.5 G.3.1, G.5: the header is 64 bytes, the fourth offset is none."""
    frame = frame_of(compress(picture(5, 7), RLE))

    count, *offsets = np.frombuffer(frame[:64], "<u4").tolist()
    assert count == 3
    assert offsets[0] == 64
    assert offsets[3:] == [0] * 12
    assert [offset % 2 for offset in offsets[:3]] == [0, 0, 0]


def test_no_run_crosses_two_rows() -> None:
    """PS3.5 G.3.1: two rows of three equal bytes are two runs of three, not one of six."""
    flat = picture(2, 3)
    flat.PixelData = bytes([9]) * 18

    frame = frame_of(compress(flat, RLE))

    replicate = bytes([257 - 3, 9])
    assert frame[64:] == replicate * 2 * 3


def test_a_jpeg_ls_frame_begins_with_its_own_header() -> None:
    frame = frame_of(compress(picture(5, 7), JPEG_LS))

    assert frame[:4] == b"\xff\xd8\xff\xf7"  # SOI, SOF55: no SPIFF before it


def test_pictures_alone_are_worth_it() -> None:
    names = ("JPEG-LS", "RLE")

    assert preferred_syntaxes(SecondaryCaptureImageStorage, names) == (JPEG_LS, RLE)
    assert preferred_syntaxes(ComprehensiveSRStorage, names) == ()


@pytest.mark.parametrize(
    "unlike", [{"SamplesPerPixel": 1}, {"BitsAllocated": 16}, {"PlanarConfiguration": 1}]
)
def test_a_picture_of_another_form_is_refused(unlike: dict[str, int]) -> None:
    other = picture(5, 7)
    other.update(unlike)

    with pytest.raises(ValueError, match=other.SOPInstanceUID):
        compress(other, RLE)
