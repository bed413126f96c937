"""Rows about the bytes: what is answered to a data set that is not what it should be."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import Final

from pydicom import Dataset

from benchmarks.peers.cell import Cell
from benchmarks.peers.receivers import Node, Receiver, restart_after_kill
from node.dicom.part10 import encode
from tests.factories import make_mammogram, stable_uid
from tests.pdus import EXPLICIT, c_store_rq
from tests.peer import RawRequestor

MG: Final = "1.2.840.10008.5.1.4.1.1.1.2"
CR: Final = "1.2.840.10008.5.1.4.1.1.1"
SECONDS: Final = 40.0
"""Limit of a wait for an answer."""


def data_set(uid: str, **attributes: object) -> bytes:
    """Encode a mammogram, Explicit VR Little Endian."""
    image: Dataset = make_mammogram(sop_instance_uid=uid, **attributes)  # type: ignore[arg-type]
    return encode(image)


def another_uid(receiver: Receiver) -> Cell:
    """Announce another SOP Instance UID than the data set has."""
    sent = data_set(stable_uid("the data set's"))
    return _answer(receiver, sent, uid=stable_uid("the command's"), wanted=0xA900)


def another_class(receiver: Receiver) -> Cell:
    """Announce another SOP class than the data set has."""
    uid = stable_uid("another class")
    return _answer(receiver, data_set(uid, SOPClassUID=CR), uid=uid, wanted=0xA900)


def truncated_pixels(receiver: Receiver) -> Cell:
    """Leave half of the pixel data out."""
    uid = stable_uid("truncated")
    whole = data_set(uid)
    return _answer(receiver, whole[: len(whole) - 80_000], uid=uid, wanted=0xC000)


def random_bytes(receiver: Receiver) -> Cell:
    """Send 100 kB of noise."""
    noise = Random(1).randbytes(100_000)  # noqa: S311 - noise, no secret
    return _answer(receiver, noise, uid=stable_uid("noise"), wanted=0xC000)


def corrupt_header(receiver: Receiver) -> Cell:
    """Change 40 bytes of the header."""
    uid = stable_uid("corrupt")
    whole = bytearray(data_set(uid))
    whole[300:340] = Random(2).randbytes(40)  # noqa: S311 - noise, no secret
    return _answer(receiver, bytes(whole), uid=uid, wanted=0xC000, within=1.0)


def undefined_length(receiver: Receiver) -> Cell:
    """Send an element of VR UT whose length is undefined, which PS3.5 7.1.2 forbids."""
    uid = stable_uid("undefined")
    whole = data_set(uid)
    place = whole.index(b"\x10\x00\x10\x00PN")
    bad = whole[:place] + b"\x08\x00\x19\x01UT\x00\x00\xff\xff\xff\xff" + whole[place:]
    return _answer(receiver, bad, uid=uid, wanted=0xC000)


def cut_off(receiver: Receiver) -> Cell:
    """Abort, reset and kill the receiver, each amid a data set."""
    left = []
    whole = data_set(stable_uid("cut off"))
    ends: dict[str, Callable[[RawRequestor], None]] = {
        "abort": lambda line: line.abort(),
        "reset": lambda line: line.reset(),
        "kill": lambda _: restart_after_kill(receiver),
    }
    for name, end in ends.items():
        before = len(receiver.images())
        with RawRequestor(receiver.address, seconds=SECONDS) as line:
            line.associate((MG, [EXPLICIT]), called=receiver.ae_title)
            line.send_pdv(1, c_store_rq(MG, stable_uid("cut off")), is_command=True)
            line.send_data_set(whole[:100_000], last=False)
            time.sleep(1.0)
            end(line)
        time.sleep(2.0)
        if extra := len(receiver.images()) - before:
            left.append(f"{extra} file after {name}")
    return Cell(", ".join(left) or "nothing left", meets=not left)


def no_data_set(receiver: Receiver) -> Cell:
    """Announce a data set and send none."""
    limit = 70.0
    with RawRequestor(receiver.address, seconds=limit) as line:
        line.associate((MG, [EXPLICIT]), called=receiver.ae_title)
        line.send_pdv(1, c_store_rq(MG, stable_uid("none")), is_command=True)
        began = time.monotonic()
        closed = line.is_closed()
        seconds = time.monotonic() - began
    text = f"closed after {seconds:.0f} s" if closed else f"open at {limit:.0f} s"
    return Cell(text, meets=closed and seconds < 45)


def _answer(
    receiver: Receiver, sent: bytes, *, uid: str, wanted: int, within: float = SECONDS
) -> Cell:
    stored, files = receiver.stored(), len(receiver.images())
    began = time.monotonic()
    status = None
    with RawRequestor(receiver.address, seconds=SECONDS) as line:
        try:
            line.associate((MG, [EXPLICIT]), called=receiver.ae_title)
            status, _ = line.store(sent, sop_class=MG, sop_instance=uid)
            text = f"0x{status:04X}"
        except TimeoutError:
            text = f"no answer in {SECONDS:.0f} s"
        except (EOFError, AssertionError, OSError):
            text = "aborted"
    seconds = time.monotonic() - began
    if seconds > 1:
        text += f" after {seconds:.0f} s"
    if new := receiver.stored() - stored:
        text += ", stored"
    elif len(receiver.images()) > files:
        text += ", quarantined" if isinstance(receiver, Node) else ", a file left"
    return Cell(text, meets=status == wanted and not new and seconds < within)
