"""Objects that no modality sends, each with the answer that the node owes it.

A case says what the SCP answers; and of one that it takes, what becomes of it in the
worker: ``""`` when the detector may look at it, else one of the named reasons.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydicom import FileDataset
from pydicom.uid import ExplicitVRLittleEndian

from node.demo.data_set import data_set_offset
from tests.factories import make_mammogram, stable_uid
from tests.part10_files import part10

STORED: Final = 0x0000
MISMATCH: Final = 0xA900
UNREADABLE: Final = 0xC000

MIB: Final = 1 << 20


@dataclass(frozen=True)
class Hostile:
    """One object; ``outcomes`` are the reasons that may become of it in the worker."""

    name: str
    make: Callable[[str], bytes]
    status: int
    outcomes: tuple[str, ...] = ("",)
    syntax: str = ExplicitVRLittleEndian

    @property
    def sop_instance_uid(self) -> str:
        return stable_uid("hostile", self.name)

    @property
    def data_set(self) -> bytes:
        """The bytes that a sender sends."""
        return self.make(self.sop_instance_uid)


def sent(image: FileDataset) -> bytes:
    """Give the data set of an image as it goes over the network."""
    data = part10(image)
    return data[data_set_offset(io.BytesIO(data)) :]


def image(**attributes: Any) -> Callable[[str], bytes]:
    return lambda uid: sent(make_mammogram(**{"sop_instance_uid": uid, **attributes}))


def element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """Write an element of Explicit VR Little Endian, whatever it says of its length."""
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    size = len(value) if length is None else length
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return head + struct.pack("<HL", 0, size) + value
    return head + struct.pack("<H", size) + value


def elements(data_set: bytes) -> Iterator[tuple[int, int, int]]:
    """Give tag, beginning and end of each element of the top level."""
    offset = 0
    while offset < len(data_set):
        group, number, vr, short = struct.unpack_from("<HH2sH", data_set, offset)
        is_long = vr in (b"OB", b"OW", b"SQ", b"UN", b"UT")
        size = 12 + struct.unpack_from("<L", data_set, offset + 8)[0] if is_long else 8 + short
        yield group << 16 | number, offset, offset + size
        offset += size


def put(data_set: bytes, tag: int, new: bytes) -> bytes:
    """Put an element where its tag belongs, in the place of the one that is there."""
    for found, start, end in elements(data_set):
        if found >= tag:
            return data_set[:start] + new + data_set[end if found == tag else start :]
    return data_set + new


def with_element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> Any:
    return lambda uid: put(image()(uid), tag, element(tag, vr, value, length))
