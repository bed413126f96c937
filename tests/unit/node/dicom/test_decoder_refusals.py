"""Pixels that cannot be what the header says are refused, in every transfer syntax."""

from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom import FileDataset
from pydicom.uid import (
    UID,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from node.dicom.decoders import Layout, decode
from node.dicom.sop_classes import TRANSFER_SYNTAXES
from node.errors import UnreadablePixels
from tests.factories import COLUMNS, ROWS, make_mammogram, phantom, with_frame

FRAMES: dict[str, bytes] = {
    JPEGLosslessSV1: imagecodecs.jpeg8_encode(phantom(), lossless=True, bitspersample=12),
    JPEGExtended12Bit: imagecodecs.jpeg8_encode(phantom(), bitspersample=12),
    JPEGLSLossless: imagecodecs.jpegls_encode(phantom()),
    JPEG2000Lossless: imagecodecs.jpeg2k_encode(phantom(), codecformat="j2k"),
    HTJ2KLossless: imagecodecs.htj2k_encode(phantom()),
}
NATIVE = [row.uid for row in TRANSFER_SYNTAXES.values() if not row.encapsulated]
ENCAPSULATED = [row.uid for row in TRANSFER_SYNTAXES.values() if row.encapsulated]

GARBAGE = {
    "two bytes": b"\xff\xd8",
    "zeros": bytes(5000),
    "random bytes": bytes(np.random.default_rng(7).integers(0, 256, 5000, np.uint8)),
    "an end marker alone": b"\xff\xd8\xff\xd9",
    "a text": b"this is no codestream" * 10 + b"\xff\xd9",
}


def refused(image: FileDataset) -> str:
    with pytest.raises(UnreadablePixels) as caught:
        decode(image, Layout.of(image))
    assert caught.value.sop_instance_uid == image.SOPInstanceUID
    assert caught.value.reason == "UNREADABLE_PIXELS"
    return caught.value.detail


@pytest.mark.parametrize("syntax", ENCAPSULATED)
@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_fragments_are_refused(syntax: str, garbage: bytes) -> None:
    refused(with_frame(syntax, garbage))


@pytest.mark.parametrize("syntax", ENCAPSULATED)
def test_pixel_data_without_fragments_is_refused(syntax: str) -> None:
    image = with_frame(syntax, b"\0\0")
    image.PixelData = b"not encapsulated"

    refused(image)


@pytest.mark.parametrize("syntax", FRAMES)
def test_a_frame_that_is_cut_short_is_refused(syntax: str) -> None:
    frame = FRAMES[syntax]

    for end in range(1, len(frame) - 2, len(frame) // 7):
        refused(with_frame(syntax, frame[:end]))


@pytest.mark.parametrize("syntax", FRAMES)
@pytest.mark.parametrize(
    "attributes", [{"Rows": ROWS - 1}, {"Columns": COLUMNS + 1}, {"Rows": COLUMNS, "Columns": ROWS}]
)
def test_a_frame_of_another_size_than_the_header_says_is_refused(
    syntax: str, attributes: dict[str, int]
) -> None:
    assert "codestream is" in refused(with_frame(syntax, FRAMES[syntax], **attributes))


def test_a_frame_that_claims_a_huge_size_is_refused_before_it_is_decoded() -> None:
    frame = bytearray(FRAMES[JPEG2000Lossless])
    frame[8:16] = b"\x00\x01\x00\x00\x00\x01\x00\x00"

    assert "65536" in refused(with_frame(JPEG2000Lossless, bytes(frame)))


def test_a_frame_deeper_than_its_container_is_refused() -> None:
    image = with_frame(
        JPEGLSLossless, FRAMES[JPEGLSLossless], BitsAllocated=8, BitsStored=8, HighBit=7
    )

    assert "bits" in refused(image)


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("change", [-2, -1, 2, 4096])
def test_native_pixels_of_a_wrong_length_are_refused(syntax: str, change: int) -> None:
    image = make_mammogram(transfer_syntax=syntax)
    length = len(image.PixelData) + change
    image.PixelData = image.PixelData.ljust(length, b"\0")[:length]

    assert f"has {length} bytes, {ROWS * COLUMNS * 2} are due" in refused(image)


def rle_frame(segments: int, *offsets: int) -> bytes:
    table = np.zeros(16, "<u4")
    table[: len(offsets) + 1] = [segments, *offsets]
    return table.tobytes() + bytes(200)


@pytest.mark.parametrize(
    "frame",
    [
        rle_frame(1, 64),
        rle_frame(3, 64, 65, 66),
        rle_frame(2, 64, 60),
        rle_frame(2, 0, 64),
        rle_frame(2, 64, 10_000),
        rle_frame(2, 64, 100),
        rle_frame(2**31, 64, 100),
        bytes(63),
    ],
)
def test_rle_headers_that_lie_are_refused(frame: bytes) -> None:
    refused(with_frame(RLELossless, frame))


def test_an_rle_segment_that_unpacks_to_too_much_is_refused() -> None:
    bomb = b"\x81\x05" * 5000  # 640 000 bytes, 85 067 are due
    header = np.zeros(16, "<u4")
    header[:3] = [2, 64, 64 + len(bomb)]

    refused(with_frame(RLELossless, header.tobytes() + bomb * 2))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.100", "1.2.3", ""])
def test_a_transfer_syntax_that_is_not_accepted_is_refused(syntax: str) -> None:
    image = make_mammogram()
    image.file_meta.TransferSyntaxUID = UID(syntax)

    assert "not accepted" in refused(image)


def test_an_image_without_file_meta_is_refused() -> None:
    image = make_mammogram()
    del image.file_meta

    refused(image)


def test_an_image_without_pixels_is_refused() -> None:
    assert refused(make_mammogram(PixelData=None)) == "there is no Pixel Data"


def test_several_frames_are_refused() -> None:
    assert refused(make_mammogram(NumberOfFrames=2)) == "several frames"


@pytest.mark.parametrize(
    "attributes",
    [
        {"Rows": 0},
        {"Columns": None},
        {"SamplesPerPixel": 2},
        {"BitsAllocated": 32},
        {"BitsAllocated": 12},
        {"BitsStored": 0},
        {"BitsStored": 17},
        {"HighBit": 10},
        {"HighBit": 16},
    ],
)
def test_a_layout_that_no_image_has_is_refused(attributes: dict[str, Any]) -> None:
    with pytest.raises(UnreadablePixels, match="layout"):
        Layout.of(make_mammogram(**attributes))


def test_an_image_without_a_uid_is_refused_by_another_name() -> None:
    image = make_mammogram(SOPInstanceUID=None, PixelData=None)

    with pytest.raises(UnreadablePixels, match="instance unknown"):
        decode(image, Layout.of(image))
