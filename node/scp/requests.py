"""The first PDU of a connection, which must be an A-ASSOCIATE-RQ that can be read at all.

It is here whole before an association is made of it, and pynetdicom's state machine is asked.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from typing import Final

from pynetdicom.pdu import A_ASSOCIATE_RQ

from node.dicom.header import MALFORMED
from node.scp.request_items import recognised
from node.upper_layer.sockets import SHORTEST_SECONDS

UNREADABLE: Final = (*MALFORMED, AssertionError, RecursionError)
"""What pynetdicom lets through of what pydicom raises on a peer's bytes."""
LARGEST_REQUEST: Final = 256 * 1024
"""Bytes of an A-ASSOCIATE-RQ; 128 contexts of forty transfer syntaxes each are 150 KiB."""
# PS3.8 9.3.8, from the service provider (2): unrecognised PDU (1), invalid parameter (6).
UNRECOGNISED_PDU: Final = 1
INVALID_PARAMETER: Final = 6

_ASSOCIATE_RQ: Final = 1
_HEADER_BYTES: Final = 6


class ConnectionRefused(Exception):
    """A connection is closed before an association; ``reason`` is one word of a few."""

    def __init__(self, reason: str, **details: str | int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.details = details


def first_byte(connection: socket.socket, deadline: float) -> bytes:
    """Wait for the first byte and leave it there; nothing when the peer went away.

    Raises
    ------
    ConnectionRefused
        Nothing came in time.
    """
    try:
        return _read(connection, 1, deadline, socket.MSG_PEEK)
    except ConnectionRefused:
        raise ConnectionRefused("silent") from None


def read_request(connection: socket.socket, deadline: float) -> bytes:
    """Read a whole A-ASSOCIATE-RQ; nothing when the peer went away.

    Parameters
    ----------
    deadline : float
        On ``time.monotonic``.

    Raises
    ------
    ConnectionRefused
        It is none, is too long, cannot be read, or did not come in time; the peer was told.
    """
    head = _read(connection, _HEADER_BYTES, deadline)
    if len(head) < _HEADER_BYTES:
        return b""
    kind, length = struct.unpack(">BxL", head)
    if kind != _ASSOCIATE_RQ:
        _say_abort(connection, UNRECOGNISED_PDU)
        raise ConnectionRefused("not_dicom")
    if length > LARGEST_REQUEST:
        _say_abort(connection, INVALID_PARAMETER)
        raise ConnectionRefused("too_long", bytes=length)
    body = _read(connection, length, deadline)
    if len(body) < length:
        return b""
    try:
        request = recognised(head + body)
    except ValueError:
        request = b""
    if not (request and is_sound(request)):
        _say_abort(connection, INVALID_PARAMETER)
        raise ConnectionRefused("unreadable")
    return request


def is_sound(pdu: bytes) -> bool:
    """Say whether pynetdicom can make a request of a whole A-ASSOCIATE-RQ.

    It decodes and judges in two steps, and on what the second one raises its network thread
    ends: the peer would hear nothing, and hold its connection until the ACSE timeout.
    """
    request = A_ASSOCIATE_RQ()
    try:
        request.decode(pdu)
        contexts = request.to_primitive().presentation_context_definition_list
    except UNREADABLE:
        # PS3.8 9.2 answers an invalid PDU with A-ABORT, whatever is wrong with it.
        return False
    # PS3.8 9.3.2.2: one abstract syntax, and at least one transfer syntax.
    return all(context.abstract_syntax and context.transfer_syntax for context in contexts)


def abort_of_provider(reason: int) -> bytes:
    """Pack an A-ABORT (PS3.8 9.3.8) of the service provider."""
    return struct.pack(">BxLxxBB", 7, 4, 2, reason)


def _say_abort(connection: socket.socket, reason: int) -> None:
    # PS3.8 9.2: in Sta2 whatever is no request is answered with A-ABORT.
    with contextlib.suppress(OSError):
        connection.sendall(abort_of_provider(reason))


def _read(connection: socket.socket, count: int, deadline: float, *flags: int) -> bytes:
    """Read ``count`` bytes; fewer when the connection has ended."""
    whole = bytearray()
    try:
        while len(whole) < count:
            connection.settimeout(max(deadline - time.monotonic(), SHORTEST_SECONDS))
            block = connection.recv(count - len(whole), *flags)
            if not block:
                break
            whole += block
    except TimeoutError:
        raise ConnectionRefused("too_slow") from None
    except OSError:
        return b""
    return bytes(whole)
