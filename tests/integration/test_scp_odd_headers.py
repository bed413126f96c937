"""Attributes of another VR than theirs, and UIDs that are none: refused, or taken as absent."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.db.session import Database
from tests.pdus import EXPLICIT
from tests.peer import RawRequestor
from tests.receiving import MG, UID, RunningScp, encoded, running_scp, scp_settings


@pytest.fixture
def node(tmp_path: Path, database: Database) -> Iterator[RunningScp]:
    with running_scp(scp_settings(tmp_path / "data"), database) as running:
        yield running


@pytest.fixture
def line(node: RunningScp) -> Iterator[RawRequestor]:
    with RawRequestor(node.address) as opened:
        opened.associate((MG, [EXPLICIT]))
        yield opened


def put(data_set: bytes, tag: tuple[int, int], vr: bytes, value: bytes) -> bytes:
    """Give the data set with one element of the top level replaced; Explicit VR Little Endian."""
    value += b"\0" * (len(value) % 2)
    length = struct.pack("<HL" if vr == b"SQ" else "<H", *([0] if vr == b"SQ" else []), len(value))
    offset = 0
    while True:
        group, number, old, short = struct.unpack_from("<HH2sH", data_set, offset)
        long = old in (b"SQ", b"OB", b"OW", b"UT", b"UN")
        size = 12 + struct.unpack_from("<L", data_set, offset + 8)[0] if long else 8 + short
        if (group, number) == tag:
            new = struct.pack("<HH2s", group, number, vr) + length + value
            return data_set[:offset] + new + data_set[offset + size :]
        offset += size


UID_TAGS = [(0x0008, 0x0016), (0x0008, 0x0018), (0x0020, 0x000D), (0x0020, 0x000E)]
NO_UID = {
    "two values": (b"UI", b"1.2.3\\1.2.4"),
    "a number": (b"US", b"\1\0"),
    "a sequence": (b"SQ", b""),
    "no UID": (b"UI", b"Doe"),
}


@pytest.mark.parametrize(("vr", "value"), NO_UID.values(), ids=NO_UID)
@pytest.mark.parametrize("tag", UID_TAGS)
def test_a_uid_that_is_none_is_refused_before_it_gets_into_a_row(
    node: RunningScp, line: RawRequestor, tag: tuple[int, int], vr: bytes, value: bytes
) -> None:
    """A list of UIDs in a row would stop the report of the whole study."""
    status, _ = line.store(put(encoded(), tag, vr, value), sop_class=MG, sop_instance=UID)

    assert status in (0xA900, 0xC000)
    assert node.holds_nothing()


CODES_AS = [(b"US", b"\1\0"), (b"IS", b"12"), (b"FD", bytes(8)), (b"LO", b"cranio-caudal")]


@pytest.mark.parametrize(("vr", "value"), CODES_AS, ids=[vr.decode() for vr, _ in CODES_AS])
def test_a_code_sequence_that_is_none_does_not_keep_the_image_out(
    node: RunningScp, line: RawRequestor, vr: bytes, value: bytes
) -> None:
    """0x0110 would say "our fault", and the sender would try it for ever."""
    view_code_sequence = (0x0054, 0x0220)

    data_set = put(encoded(), view_code_sequence, vr, value)

    assert line.store(data_set, sop_class=MG, sop_instance=UID)[0] == 0x0000
    assert [row.view for row in node.instances()] == [""]
