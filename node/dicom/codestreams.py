"""What a compressed frame says of itself, read before a decoder believes it.

JPEG and JPEG-LS: the frame header of ITU-T T.81 B.2.2 (T.87 uses the same); JPEG 2000
and HTJ2K: the SIZ segment of ITU-T T.800 A.5.1.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

_JPEG_START: Final = b"\xff\xd8"
_J2K_START: Final = b"\xff\x4f\xff\x51"
_JP2_START: Final = b"\x00\x00\x00\x0cjP  "
_END: Final = b"\xff\xd9"
_START_OF_SCAN: Final = 0xDA
# SOF0..SOF15 less DHT, JPG and DAC, and JPEG-LS's SOF55
_FRAME_MARKERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_COLOUR_MARKERS: Final = {b"JFIF\0": 16, b"Adobe": 14}
"""Identifiers of application segments, and how long each must be to count."""
_JP2_HEADER_LIMIT: Final = 64 * 1024
"""Bytes of boxes that may stand before the codestream of a JP2 file."""


class Codestream(NamedTuple):
    """Size and depth that a codestream claims.

    ``names_colours`` says that a JPEG has a JFIF or Adobe segment, which tells whether
    its three components are RGB or YCbCr.
    """

    rows: int
    columns: int
    samples: int
    precision: int
    names_colours: bool = False


def describe(frame: bytes) -> Codestream | None:
    """Read the size of a frame; None when it is no codestream or lacks its end marker."""
    if _END not in frame.rstrip(b"\0")[-3:]:  # one byte of padding, whichever, may follow
        return None
    try:
        if frame.startswith(_JPEG_START):
            return _describe_jpeg(frame)
        if frame.startswith(_J2K_START):
            return _describe_j2k(frame)
        if frame.startswith(_JP2_START):
            start = frame.find(_J2K_START, 0, _JP2_HEADER_LIMIT)
            return None if start < 0 else _describe_j2k(frame[start:])
    except struct.error:
        return None
    return None


def _describe_jpeg(frame: bytes) -> Codestream | None:
    position = len(_JPEG_START)
    names_colours = False
    while True:
        lead, marker, length = struct.unpack_from(">BBH", frame, position)
        if lead != 0xFF or marker == _START_OF_SCAN or length < 2:
            return None
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker in _FRAME_MARKERS:
            precision, rows, columns, samples = struct.unpack_from(">BHHB", frame, position + 4)
            return Codestream(rows, columns, samples, precision, names_colours)
        identifier = frame[position + 4 : position + 9]
        names_colours |= length >= _COLOUR_MARKERS.get(identifier, length + 1)
        position += 2 + length


def _describe_j2k(frame: bytes) -> Codestream:
    columns, rows, left, top = struct.unpack_from(">LLLL", frame, 8)
    (samples,) = struct.unpack_from(">H", frame, 40)
    (depth,) = struct.unpack_from(">B", frame, 42)
    return Codestream(rows - top, columns - left, samples, (depth & 0x7F) + 1)
