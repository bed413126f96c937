"""How fast images come in: four receivers in turns, so that a busy machine is busy for all."""

from __future__ import annotations

import statistics
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from random import Random
from typing import Final

from pydicom.uid import ExplicitVRLittleEndian, JPEGLosslessSV1

from benchmarks.peers.data import MG, SECONDS
from benchmarks.peers.receivers import Receiver
from node.demo.data_set import data_set_offset
from node.dicom.part10 import encode
from tests.factories import make_mammogram, stable_uid, with_frame
from tests.part10_files import part10
from tests.peer import RawRequestor

ROUNDS: Final = 3
LARGEST: Final = 131_072
"""Bytes of a PDU, where the receiver takes so many."""

_PLACE: Final = stable_uid("rates")


@dataclass(frozen=True)
class Load:
    """Associations at once, images on each, and which: u is plain, c compressed."""

    name: str
    kind: str
    associations: int
    images: int


LOADS: Final = (
    Load("u, 1 association", "u", 1, 6),
    Load("c, 1 association", "c", 1, 12),
    Load("u, 16 associations", "u", 16, 1),
    Load("c, 16 associations", "c", 16, 2),
)


def measure(receivers: Sequence[Receiver]) -> dict[str, dict[str, float]]:
    """Give load -> receiver -> median MB/s of three turns."""
    images = {
        "u": (ExplicitVRLittleEndian, _plain()),
        "c": (JPEGLosslessSV1, _compressed()),
    }
    speeds: dict[str, dict[str, list[float]]] = {}
    for turn in range(ROUNDS):
        for load in LOADS:
            for receiver in receivers:
                syntax, image = images[load.kind]
                key = f"{load.name} {turn}"
                speed = _speed(receiver, load, syntax, image, key)
                speeds.setdefault(load.name, {}).setdefault(receiver.name, []).append(speed)
    return {
        load: {name: statistics.median(turns) for name, turns in by_name.items()}
        for load, by_name in speeds.items()
    }


def _plain() -> bytes:
    """17 MB."""
    return encode(make_mammogram(rows=3328, columns=2560, sop_instance_uid=_PLACE))


def _compressed() -> bytes:
    """5.5 MB; nobody decodes it here."""
    frame = b"\xff\xd8" + Random(3).randbytes(5_500_000) + b"\xff\xd9"  # noqa: S311 - no secret
    whole = part10(with_frame(JPEGLosslessSV1, frame, sop_instance_uid=_PLACE))
    return whole[data_set_offset(BytesIO(whole)) :]


def _speed(receiver: Receiver, load: Load, syntax: str, image: bytes, key: str) -> float:
    """Send and give MB/s; 0 when not everything was answered success."""
    done: list[int] = []
    batches = [
        [_renamed(image, f"{key} {line} {number}") for number in range(load.images)]
        for line in range(load.associations)
    ]

    def send(batch: list[tuple[str, bytes]]) -> None:
        # What is not answered success is told by the sum.
        with (
            suppress(OSError, EOFError, AssertionError),
            RawRequestor(receiver.address, seconds=SECONDS) as line,
        ):
            answer = line.associate((MG, [syntax]), called=receiver.ae_title)
            fragment = min(_largest(answer.body), LARGEST) - 6
            for uid, data in batch:
                if line.store(data, sop_class=MG, sop_instance=uid, fragment=fragment)[0] == 0:
                    done.append(len(data))
            line.release()

    threads = [threading.Thread(target=send, args=(batch,)) for batch in batches]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    is_whole = len(done) == load.associations * load.images
    return sum(done) / 1e6 / seconds if is_whole else 0.0


def _renamed(image: bytes, key: str) -> tuple[str, bytes]:
    """Give the image a UID of its own, of the same length."""
    digits = str(Random(key).getrandbits(256))  # noqa: S311 - a name, no secret
    uid = "2.25.1" + digits[: len(_PLACE) - 6]
    return uid, image.replace(_PLACE.encode(), uid.encode())


def _largest(answer: bytes) -> int:
    """Read the maximum length of an A-ASSOCIATE-AC (PS3.8 D.1); 0 there is no limit."""
    place = answer.index(b"\x51\x00\x00\x04")
    (length,) = struct.unpack_from(">L", answer, place + 4)
    return length or LARGEST
