"""What a fuzzer begins with: whole objects of pydicom's and of ours, and honest conversations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pydicom.data
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
)

from tests import pdus
from tests.factories import make_mammogram, with_frame
from tests.fuzz.targets import MOST_BYTES
from tests.part10_files import part10
from tests.receiving import MG, UID

_SYNTAXES: Final = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
_REQUEST: Final = pdus.associate_rq(
    [(MG, [pdus.EXPLICIT, pdus.IMPLICIT]), (pdus.VERIFICATION, [pdus.IMPLICIT])]
)
_FIXED: Final = 6 + 68
"""Bytes of an A-ASSOCIATE-RQ before its items (PS3.8 9.3.2)."""
_ECHO: Final = pdus.command(
    (0x0002, pdus.VERIFICATION.encode()),
    (0x0100, pdus.us(pdus.C_ECHO_RQ)),
    (0x0110, pdus.us(1)),
    (0x0800, pdus.us(pdus.NO_DATA_SET)),
)


def data_set() -> Iterator[bytes]:
    """Give whole files: small mammograms, and what pydicom is tested with."""
    for syntax in _SYNTAXES:
        yield part10(make_mammogram(rows=8, columns=6, transfer_syntax=syntax))
    yield part10(with_frame(JPEGLosslessSV1, b"\xff\xd8" + bytes(40) + b"\xff\xd9"))
    for path in sorted((Path(pydicom.data.__file__).parent / "test_files").glob("*.dcm")):
        if path.stat().st_size <= MOST_BYTES:
            yield path.read_bytes()


def connection() -> Iterator[bytes]:
    """Give whole connections: an echo, a C-STORE in two pieces, an abort, a release."""
    release = pdus.pdu(pdus.RELEASE_RQ, bytes(4))
    yield _REQUEST + release
    yield _REQUEST + _p_data(3, _ECHO, 3) + release
    store = _p_data(1, pdus.c_store_rq(MG, UID), 3)
    yield _REQUEST + store + _p_data(1, bytes(100), 0) + _p_data(1, bytes(100), 2) + release
    yield _REQUEST + store + pdus.pdu(pdus.ABORT, bytes(4))
    yield pdus.pdu(pdus.RELEASE_RP, bytes(4)) + _REQUEST


def negotiation() -> Iterator[bytes]:
    """Give the items of an A-ASSOCIATE-RQ, those of extended negotiation among them."""
    yield _REQUEST[_FIXED:]
    plain = _REQUEST[_FIXED : _REQUEST.rindex(b"\x50\x00")]
    uid = MG.encode()
    named = len(uid).to_bytes(2, "big") + uid
    for extra in (
        pdus.item(0x53, b"\0\5\0\5"),
        pdus.item(0x54, named + b"\1\1"),
        pdus.item(0x56, named + b"\2\0\0\1\2\1"),
        pdus.item(0x57, named + named + b"\0\0"),
        pdus.item(0x58, b"\2\1\0\5admin\0\6secret"),
    ):
        maximum = pdus.item(0x51, b"\0\0\x40\0") + pdus.item(0x52, b"1.2.3")
        yield plain + pdus.item(0x50, maximum + extra)


def command_set() -> Iterator[bytes]:
    """Give command sets behind the number of bytes that are the data set's."""
    yield b"\0" + _ECHO
    yield b"\x08" + pdus.c_store_rq(MG, UID) + bytes(8)
    for field in (0x0020, 0x0010, 0x0021, 0x0FFF, 0x0100, 0x0110, 0x0120, 0x0130, 0x0140, 0x8001):
        yield (
            b"\x02"
            + pdus.command(
                (0x0002, MG.encode()),
                (0x0100, pdus.us(field)),
                (0x0110, pdus.us(7)),
                (0x0800, pdus.us(pdus.A_DATA_SET)),
                (0x1000, UID.encode()),
                (0x1008, pdus.us(1)),
            )
            + bytes(2)
        )


SEEDS: Final = {maker.__name__: maker for maker in (data_set, connection, negotiation, command_set)}


def _p_data(context: int, fragment: bytes, control: int) -> bytes:
    value = bytes([context, control]) + fragment
    return pdus.pdu(pdus.P_DATA, len(value).to_bytes(4, "big") + value)
