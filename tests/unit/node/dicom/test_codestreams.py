from __future__ import annotations

import struct

import imagecodecs
import numpy as np
import pytest

from node.dicom.codestreams import Codestream, describe
from tests.factories import phantom

PIXELS = phantom(rows=31, columns=57)
COLOUR = np.zeros((31, 57, 3), np.uint8)

STREAMS = {
    "JPEG, 8 bits": (imagecodecs.jpeg8_encode(PIXELS.astype(np.uint8)), 1, 8),
    "JPEG, 12 bits": (imagecodecs.jpeg8_encode(PIXELS, bitspersample=12), 1, 12),
    "JPEG Lossless": (imagecodecs.jpeg8_encode(PIXELS, lossless=True, bitspersample=12), 1, 12),
    "JPEG-LS": (imagecodecs.jpegls_encode(PIXELS), 1, 16),
    "JPEG 2000": (imagecodecs.jpeg2k_encode(PIXELS, codecformat="j2k", bitspersample=12), 1, 12),
    "JPEG 2000 in a JP2 file": (imagecodecs.jpeg2k_encode(PIXELS, codecformat="jp2"), 1, 16),
    "HTJ2K": (imagecodecs.htj2k_encode(PIXELS), 1, 16),
    "JPEG of three colours": (imagecodecs.jpeg8_encode(COLOUR), 3, 8),
}


@pytest.mark.parametrize(("frame", "samples", "bits"), STREAMS.values(), ids=STREAMS.keys())
def test_a_codestream_tells_its_size(frame: bytes, samples: int, bits: int) -> None:
    found = describe(frame)

    assert found is not None
    assert found[:3] == (31, 57, samples)
    assert 12 <= found.precision <= bits if bits == 16 else found.precision == bits


@pytest.mark.parametrize("padding", [b"", b"\0", b"\xff"])
@pytest.mark.parametrize("frame", [row[0] for row in STREAMS.values()], ids=STREAMS.keys())
def test_one_byte_of_padding_may_follow(frame: bytes, padding: bytes) -> None:
    assert describe(frame + padding) == describe(frame) is not None


@pytest.mark.parametrize("frame", [row[0] for row in STREAMS.values()], ids=STREAMS.keys())
def test_a_codestream_that_is_cut_short_is_none(frame: bytes) -> None:
    for end in range(0, len(frame) - 2, max(1, len(frame) // 97)):
        assert describe(frame[:end]) is None


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\xd9",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8" + b"\xff" * 60 + b"\xd9",
        b"\xff\xd8\xff\xda\x00\x08" + bytes(20) + b"\xff\xd9",
        b"\xff\xd8\xff\xe0\x00\x00" + bytes(20) + b"\xff\xd9",
        b"\xff\x4f\xff\x51\x00\x29\xff\xd9",
        b"GIF89a" + bytes(200) + b"\xff\xd9",
        b"\x00\x00\x00\x0cjP  " + bytes(200) + b"\xff\xd9",
    ],
)
def test_what_is_no_codestream_is_none(frame: bytes) -> None:
    assert describe(frame) is None


def jpeg_with(segment: bytes) -> bytes:
    frame = struct.pack(">BBHBHHB", 0xFF, 0xC0, 17, 8, 31, 57, 3) + bytes(9)
    return b"\xff\xd8" + segment + frame + b"\xff\xd9"


@pytest.mark.parametrize(
    ("segment", "names_colours"),
    [
        (b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00", True),
        (b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x01", True),
        (b"\xff\xee\x00\x0cAdobe\x00\x00\x00\x00\x00", False),  # too short to hold the transform
        (b"\xff\xe1\x00\x08Exif\x00\x00", False),
        (b"\xff\xff\xff\xfe\x00\x04hi", False),  # fill bytes, then a comment
    ],
)
def test_only_a_whole_jfif_or_adobe_segment_names_the_colours(
    segment: bytes, names_colours: bool
) -> None:
    assert describe(jpeg_with(segment)) == Codestream(31, 57, 3, 8, names_colours)
