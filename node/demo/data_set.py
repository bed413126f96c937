"""Where the data set of a Part 10 file begins."""

from __future__ import annotations

import struct
from typing import BinaryIO, Final

from node.errors import UnreadableDataSet

_PREAMBLE: Final = 128

# PS3.5 7.1.2: these VRs have two reserved bytes and a length of four bytes.
_LONG_VRS: Final = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)


def data_set_offset(stream: BinaryIO) -> int:
    """Byte offset of the data set in a Part 10 file (PS3.10 7.1).

    Raises
    ------
    UnreadableDataSet
        When the file has no File Meta Information.
    """
    stream.seek(0)
    if stream.read(_PREAMBLE + 4)[_PREAMBLE:] != b"DICM":
        raise UnreadableDataSet("no DICM prefix: not a DICOM Part 10 file")
    offset = _PREAMBLE + 4
    while True:
        # Always Explicit VR Little Endian, whatever the data set is in.
        start = stream.read(8)
        if len(start) < 8 or start[:2] != b"\x02\x00":
            return offset
        if start[4:6] in _LONG_VRS:
            length = 12 + struct.unpack("<L", stream.read(4).ljust(4, b"\0"))[0]
        else:
            length = 8 + struct.unpack("<H", start[6:8])[0]
        offset += length
        stream.seek(offset)
