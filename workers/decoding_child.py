"""The process that decodes: received bytes meet C decoders here, and nothing else of ours.

It holds no secret, no database and no model. A decoder that crashes, hangs or asks for too
much ends this process, and the worker (``workers.decoding``) starts another one. It imports
little, so that this is quick, and ends by itself when its worker is gone.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
import warnings
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Final

from pydicom import Dataset, dcmread

from node.dicom import header as read
from node.dicom.eligibility import check
from node.dicom.pixels import to_grey
from node.errors import RejectedInstance
from workers.failure import FailuresGoTo

MIB: Final = 1 << 20
LARGEST_MESSAGE: Final = 64 * 1024
"""Bytes of a request or an answer; the picture goes another way."""
READY: Final = b"ready"
GRACE_SECONDS: Final = 5.0
"""After the time limit, for a worker that is gone and ends nobody any more."""

_MEMORY_BESIDE_PIXELS: Final = 256 * MIB
_DECODERS_NEED: Final = 20
"""Bytes for each byte of the uncompressed pixels; OpenJPEG takes the most."""


def main() -> None:
    """Answer requests until the worker's end of the connection is closed."""
    number, memory_mib = (int(argument) for argument in sys.argv[1:])
    # The terminal's and the service manager's signals are the worker's to obey.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    # A core file would hold a patient's picture.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ceiling = _address_space() + memory_mib * MIB
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
    with socket.socket(fileno=number) as worker:
        worker.send(READY)
        _close_standard_error()
        while True:
            message, descriptors, _, _ = socket.recv_fds(worker, LARGEST_MESSAGE, 2)
            if not message:
                return
            request = json.loads(message)
            signal.setitimer(signal.ITIMER_REAL, request["seconds"] + GRACE_SECONDS)
            worker.send(json.dumps(_answer(request, descriptors, ceiling)).encode())
            signal.setitimer(signal.ITIMER_REAL, 0.0)


def _answer(request: dict[str, Any], descriptors: list[int], ceiling: int) -> dict[str, Any]:
    source, picture = descriptors
    answers: list[dict[str, Any]] = []
    with (
        FailuresGoTo(lambda failure: answers.append({"failed": asdict(failure)})),
        os.fdopen(source, "rb") as stream,
        os.fdopen(picture, "wb") as shared,
    ):
        try:
            answers.append(_decode(stream, shared, ceiling, only_eligible=request["only_eligible"]))
        except RejectedInstance as error:
            answers.append({"rejected": [str(error.reason), error.detail]})
        except MemoryError:
            answers.append({"out_of_memory": True})
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
    return answers[0]


def _decode(
    stream: BinaryIO, shared: BinaryIO, ceiling: int, *, only_eligible: bool
) -> dict[str, Any]:
    dataset = dcmread(stream)
    notes: list[str] = []
    if only_eligible:
        verdict = check(dataset)
        if verdict.reason is not None:
            return {"rejected": [str(verdict.reason), verdict.detail]}
        notes = [str(note) for note in verdict.notes]
    _limit_memory(dataset, ceiling)
    grey = to_grey(dataset)
    shared.write(grey.data)
    return {"shape": grey.shape, "notes": notes}


def _limit_memory(dataset: Dataset, ceiling: int) -> None:
    """Let the decoders have what an image of the announced size needs, and no more."""
    numbers = [
        read.short(dataset, keyword) or 0
        for keyword in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
    ]
    rows, columns, samples, bits = numbers
    need = rows * columns * samples * bits // 8 * _DECODERS_NEED + _MEMORY_BESIDE_PIXELS
    limit = min(_address_space() + need, ceiling)
    resource.setrlimit(resource.RLIMIT_AS, (limit, ceiling))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def _close_standard_error() -> None:
    """Until here it tells why the process does not start; the decoders' talk is nobody's."""
    with suppress(OSError):
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, sys.stdout.fileno())
        os.dup2(silence, sys.stderr.fileno())
        os.close(silence)


if __name__ == "__main__":
    main()
