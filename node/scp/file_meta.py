"""The head of a received Part 10 file: preamble, prefix, File Meta Information.

Written by hand: pydicom's writer judges UIDs, and a modality whose UID has a
leading zero sends mammograms all the same.
"""

from __future__ import annotations

import struct
from typing import Final

from node.dicom.part10 import IMPLEMENTATION_VERSION_NAME
from node.dicom.uids import IMPLEMENTATION_CLASS_UID

_PREAMBLE: Final = b"\0" * 128
_PREFIX: Final = b"DICM"


def part10_head(*, sop_class: str, sop_instance: str, transfer_syntax: str) -> bytes:
    """Build everything that stands before the data set (PS3.10 7.1).

    Parameters
    ----------
    sop_class, sop_instance : str
        As the C-STORE command names them; ASCII.
    transfer_syntax : str
        Of the presentation context.
    """
    elements = b"".join(
        (
            b"\x02\x00\x01\x00OB\0\0\x02\x00\x00\x00\x00\x01",
            _element(0x0002, b"UI", sop_class),
            _element(0x0003, b"UI", sop_instance),
            _element(0x0010, b"UI", transfer_syntax),
            _element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
            _element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME),
        )
    )
    group_length = b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<L", len(elements))
    return _PREAMBLE + _PREFIX + group_length + elements


def _element(number: int, vr: bytes, text: str) -> bytes:
    value = text.encode("ascii")
    if len(value) % 2:
        # PS3.5 6.2: UIDs are padded with a null, texts with a blank.
        value += b"\0" if vr == b"UI" else b" "
    return struct.pack("<HH2sH", 0x0002, number, vr, len(value)) + value
