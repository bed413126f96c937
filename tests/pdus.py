"""PDUs (PS3.8 9.3) and command sets (PS3.7 6.3), packed and unpacked by hand.

It shares no code with the node or with pynetdicom.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

APPLICATION_CONTEXT: Final = b"1.2.840.10008.3.1.1.1"
VERIFICATION: Final = "1.2.840.10008.1.1"
IMPLICIT: Final = "1.2.840.10008.1.2"
EXPLICIT: Final = "1.2.840.10008.1.2.1"

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)

C_STORE_RQ: Final = 0x0001
C_STORE_RSP: Final = 0x8001
C_ECHO_RQ: Final = 0x0030
C_ECHO_RSP: Final = 0x8030
NO_DATA_SET: Final = 0x0101
A_DATA_SET: Final = 0x0001


@dataclass(frozen=True)
class Pdu:
    """One PDU: its type and what follows its length."""

    kind: int
    body: bytes

    @property
    def rejection(self) -> tuple[int, int, int]:
        """Result, source and reason of an A-ASSOCIATE-RJ."""
        assert self.kind == ASSOCIATE_RJ, f"PDU type {self.kind}"
        return self.body[1], self.body[2], self.body[3]


def pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxL", kind, len(body)) + body


def item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(body)) + body


def user_information(max_pdu: int) -> bytes:
    maximum = item(0x51, struct.pack(">L", max_pdu))
    return item(0x50, maximum + item(0x52, b"2.25.1") + item(0x55, b"RAWPEER"))


def associate_rq(
    contexts: Sequence[tuple[str, Sequence[str]]],
    *,
    called: str = "MGNODE",
    calling: str = "RAWPEER",
) -> bytes:
    """Pack an A-ASSOCIATE-RQ; context identifiers are 1, 3, 5 in order."""
    proposed = b""
    for number, (abstract, syntaxes) in enumerate(contexts):
        names = item(0x30, abstract.encode()) + b"".join(
            item(0x40, syntax.encode()) for syntax in syntaxes
        )
        proposed += item(0x20, bytes([2 * number + 1, 0, 0, 0]) + names)
    titles = called.encode().ljust(16) + calling.encode().ljust(16)
    head = struct.pack(">HH", 1, 0) + titles + bytes(32)
    return pdu(
        ASSOCIATE_RQ, head + item(0x10, APPLICATION_CONTEXT) + proposed + user_information(0)
    )


def command(*elements: tuple[int, bytes]) -> bytes:
    """Pack a command set: (element number of group 0000, value), ascending."""
    body = b"".join(
        struct.pack("<HHL", 0, number, len(value) + len(value) % 2)
        + value
        + b"\0" * (len(value) % 2)
        for number, value in elements
    )
    return struct.pack("<HHLL", 0, 0, 4, len(body)) + body


def us(value: int) -> bytes:
    return struct.pack("<H", value)


def c_store_rq(sop_class: str, sop_instance: str, *, message_id: int = 1) -> bytes:
    return command(
        (0x0002, sop_class.encode()),
        (0x0100, us(C_STORE_RQ)),
        (0x0110, us(message_id)),
        (0x0700, us(0)),
        (0x0800, us(A_DATA_SET)),
        (0x1000, sop_instance.encode()),
    )


def elements_of(command_set: bytes) -> dict[int, bytes]:
    """Unpack a command set to element number -> value."""
    found = {}
    offset = 0
    while offset < len(command_set):
        _, number, length = struct.unpack_from("<HHL", command_set, offset)
        found[number] = command_set[offset + 8 : offset + 8 + length]
        offset += 8 + length
    return found


def contexts_of(body: bytes) -> Iterator[tuple[int, str, list[str]]]:
    """Unpack the presentation contexts of an A-ASSOCIATE-RQ: id, abstract, syntaxes."""
    for kind, value in _items(body[68:]):
        if kind == 0x20:
            names = [(sub, name.decode()) for sub, name in _items(value[4:])]
            abstract = next(name for sub, name in names if sub == 0x30)
            yield value[0], abstract, [name for sub, name in names if sub == 0x40]


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset < len(data):
        kind, length = struct.unpack_from(">BxH", data, offset)
        yield kind, data[offset + 4 : offset + 4 + length]
        offset += 4 + length
