"""The socket of an association that we accepted: how much and how slowly at most.

pynetdicom believes the length that a PDU announces, four gigabytes from anybody, and
waits for the rest without an end. Here each PDU has a limit and a deadline.
"""

from __future__ import annotations

import contextlib
import struct
import time
from typing import TYPE_CHECKING, Final

import structlog
from typing_extensions import override

from node.scp.requests import INVALID_PARAMETER, UNRECOGNISED_PDU, abort_of_provider
from node.upper_layer.sockets import SHORTEST_SECONDS, EventDrivenSocket

if TYPE_CHECKING:
    import socket

    from pynetdicom.association import Association

log = structlog.get_logger(__name__)

MAXIMUM_LENGTH: Final = 1 << 20
"""Bytes of a P-DATA-TF that we announce (PS3.8 D.1); peers send 16 to 128 KiB whatever we allow."""
LARGEST_PDU: Final = MAXIMUM_LENGTH + 64
"""Bytes; some peers count what a PDV holds and forget its own six bytes."""
MOST_VALUES: Final = 1024
"""Presentation Data Values in one P-DATA-TF; peers send one or two."""
LARGEST_OTHER: Final = 256
"""Bytes of any other PDU once the association is asked for: each has four (PS3.8 9.3.6 to 8)."""
_HEADER_BYTES: Final = 6
_PDU_TYPES: Final = range(1, 8)
_P_DATA: Final = 4

_LAST_WORDS_SECONDS: Final = 1.0


class BoundedSocket(EventDrivenSocket):
    """The socket of an association, with a limit and a deadline for each PDU.

    Parameters
    ----------
    request : bytes
        The A-ASSOCIATE-RQ that came on it.
    pdu_seconds : float
        Each PDU is here this long after its first byte; so is each of ours at the peer.
    """

    def __init__(
        self,
        association: Association,
        connection: socket.socket,
        *,
        request: bytes,
        pdu_seconds: float,
    ) -> None:
        super().__init__(association, connection, send_seconds=pdu_seconds)
        self._pdu_seconds = pdu_seconds
        self._ahead = request
        self._deadline: float | None = None
        self._kind: int | None = None
        self._is_asked = not request

    @override
    def recv(self, nr_bytes: int) -> bytearray:
        """Read the six bytes before a PDU, or what its length announced.

        pynetdicom asks for the one, then for the other. Fewer bytes mean that the
        connection is over, also when it is we who ended it.
        """
        if self._deadline is None:
            self._deadline = time.monotonic() + self._pdu_seconds
        got = self._read(nr_bytes, self._deadline)
        if len(got) < nr_bytes:
            return got
        return self._take_head(got) if self._kind is None else self._take_body(got)

    def _take_head(self, head: bytearray) -> bytearray:
        kind, length = struct.unpack(">BxL", head)
        if kind not in _PDU_TYPES:
            return self._cut_off("not a PDU", UNRECOGNISED_PDU)
        # The request itself was measured before it came here.
        most = LARGEST_OTHER if kind != _P_DATA and self._is_asked else LARGEST_PDU
        if length > most:
            return self._cut_off(f"a PDU of {length} bytes", INVALID_PARAMETER)
        self._kind = kind
        return head

    def _take_body(self, body: bytearray) -> bytearray:
        if self._kind == _P_DATA and _has_too_many_values(body):
            return self._cut_off(f"more than {MOST_VALUES} values in a PDU", INVALID_PARAMETER)
        self._kind, self._deadline, self._is_asked = None, None, True
        return body

    def _read(self, count: int, deadline: float) -> bytearray:
        connection = self.socket
        if connection is None:
            return bytearray()
        whole, ahead = bytearray(count), self.take_ahead(count)
        view, filled = memoryview(whole), len(ahead)
        view[:filled] = ahead
        usual = connection.gettimeout()
        try:
            while filled < count:
                connection.settimeout(max(deadline - time.monotonic(), SHORTEST_SECONDS))
                block = connection.recv_into(view[filled:])
                if block == 0:
                    return whole[:filled]
                filled += block
        except TimeoutError:
            return self._cut_off("half a PDU for too long", INVALID_PARAMETER)
        else:
            return whole
        finally:
            # Answers are sent on the same socket, and have a limit of their own.
            with contextlib.suppress(OSError):
                connection.settimeout(usual)

    def _cut_off(self, why: str, reason: int) -> bytearray:
        peer = self.assoc.requestor.address_info
        log.warning("connection_cut_off", reason=why, peer_host=peer.address if peer else "")
        with contextlib.suppress(OSError):
            if self.socket is not None:
                self.socket.settimeout(_LAST_WORDS_SECONDS)
                self.socket.sendall(abort_of_provider(reason))
        self._shutdown_socket()
        # Not close(): pynetdicom takes the empty answer for the end of the connection, and
        # its state machine stumbles when it is told twice.
        self._is_connected = False
        self.socket = None
        return bytearray()


def _has_too_many_values(body: bytearray) -> bool:
    """Step over the Presentation Data Values of a P-DATA-TF by their lengths (PS3.8 9.3.5.1)."""
    offset = found = 0
    while offset + 4 <= len(body) and found <= MOST_VALUES:
        (length,) = struct.unpack_from(">L", body, offset)
        offset, found = offset + 4 + length, found + 1
    return found > MOST_VALUES
