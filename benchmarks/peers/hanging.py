"""Rows about time: peers that connect and do not go on, and whether the others wait."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from benchmarks.peers.cell import Cell
from benchmarks.peers.data import MG
from benchmarks.peers.receivers import Receiver
from tests.pdus import EXPLICIT, P_DATA, VERIFICATION, associate_rq, c_store_rq, pdu
from tests.peer import RawRequestor

LIMIT: Final = 60.0
"""Seconds after which a connection counts as open."""

DEADLINE: Final = 20.0
"""The node's own limit is 15 s; the rest is for a busy machine."""


def silent(receiver: Receiver) -> Cell:
    """Connect and say nothing."""
    return _hang(receiver, lambda _: None)


def half_request(receiver: Receiver) -> Cell:
    """Send half of an A-ASSOCIATE-RQ."""
    request = associate_rq([(MG, [EXPLICIT])], called=receiver.ae_title)
    return _hang(receiver, lambda line: line.send(request[: len(request) // 2]))


def half_data(receiver: Receiver) -> Cell:
    """Send half of a P-DATA-TF after a C-STORE-RQ."""

    def begin(line: RawRequestor) -> None:
        line.associate((MG, [EXPLICIT]), called=receiver.ae_title)
        line.send_pdv(1, c_store_rq(MG, "1.2.3"), is_command=True)
        line.send(pdu(P_DATA, bytes(4000))[:2000])

    return _hang(receiver, begin)


def drip(receiver: Receiver) -> Cell:
    """Send one byte of an A-ASSOCIATE-RQ each second."""
    request = associate_rq([(MG, [EXPLICIT])], called=receiver.ae_title)

    def begin(line: RawRequestor) -> None:
        def go_on() -> None:
            with suppress(OSError):
                for byte in request:
                    line.send(bytes([byte]))
                    time.sleep(1.0)

        threading.Thread(target=go_on, daemon=True).start()

    return _hang(receiver, begin)


def four_gigabytes(receiver: Receiver) -> Cell:
    """Announce a PDU of 4 GiB."""
    announced = struct.pack(">BxL", 1, 0xFFFFFFFF) + bytes(100)
    return _hang(receiver, lambda line: line.send(announced), deadline=2.0)


def web_page(receiver: Receiver) -> Cell:
    """Ask for a web page."""
    asked = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    return _hang(receiver, lambda line: line.send(asked), deadline=2.0)


def _hang(
    receiver: Receiver, begin: Callable[[RawRequestor], None], *, deadline: float = DEADLINE
) -> Cell:
    """Begin, wait for the end, and let another peer ask for an echo meanwhile."""
    closed_after: list[float] = []
    with RawRequestor(receiver.address, seconds=LIMIT) as line:
        began = time.monotonic()
        with suppress(EOFError):
            begin(line)

        def watch() -> None:
            # Sending may have met the end already: that is an end too.
            with suppress(OSError):
                if not line.is_closed():
                    return
            if time.monotonic() - began < LIMIT:
                closed_after.append(time.monotonic() - began)

        watcher = threading.Thread(target=watch)
        watcher.start()
        time.sleep(0.5)
        waited = _echo_seconds(receiver)
        watcher.join()
    if not closed_after:
        text = f"open at {LIMIT:.0f} s"
    elif closed_after[0] < 2:
        text = "closed at once"
    else:
        text = f"closed at {closed_after[0]:.0f} s"
    if waited > 3:
        text += f", **others wait {waited:.0f} s**"
    meets = bool(closed_after) and closed_after[0] <= deadline and waited <= 3
    return Cell(text, meets=meets)


def _echo_seconds(receiver: Receiver) -> float:
    began = time.monotonic()
    with (
        suppress(OSError, EOFError, AssertionError),
        RawRequestor(receiver.address, seconds=LIMIT) as other,
    ):
        other.associate((VERIFICATION, [EXPLICIT]), called=receiver.ae_title)
        other.echo()
        other.release()
        return time.monotonic() - began
    return LIMIT
