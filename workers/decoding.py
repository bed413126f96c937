"""Decoding in a process of its own, with a limit of memory and one of time for each image.

The decoders are C: what a damaged or hostile image does to one of them, it does to the
process (``workers.decoding_child``), which is replaced. The worker goes on, and the image is
rejected with a reason, or counted as a failed attempt where the machine may be at fault.
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import structlog
from numpy.typing import NDArray

from config.settings import AnalysisSettings
from node.dicom.reasons import Reason
from node.errors import RejectedInstance, TransientFailure
from workers.decoding_process import DecodingProcess, ProcessEnded, ProcessTooSlow
from workers.failure import Failure

log = structlog.get_logger(__name__)

OWN_FAULT: Final = 0.5
"""Part of the time limit that an image must have computed to be guilty of passing it."""
_IN_DISORDER: Final = frozenset({Reason.DECODER_CRASHED, Reason.DECODER_MEMORY})
"""What an image may owe to those that were decoded before it."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as the detector takes it, (rows, columns), 0 = air; and what to know of it."""

    grey: NDArray[np.uint8]
    notes: tuple[str, ...]


class DecodingFailed(TransientFailure):
    """An image could not be decoded, for no fault of its own that is known.

    ``failure`` is what happened in the process that decodes, when it could tell.
    """

    def __init__(self, why: str, failure: Failure | None = None) -> None:
        super().__init__(f"the image could not be decoded: {why}")
        self.failure = failure


class Decoder:
    """Decodes images one at a time; the threads of a worker share it.

    Its process starts with the first image, is kept for the next, and ends with this one.
    """

    def __init__(self, limits: AnalysisSettings | None = None) -> None:
        self._limits = AnalysisSettings() if limits is None else limits
        self._lock = threading.Lock()
        self._process: DecodingProcess | None = None

    @property
    def pid(self) -> int | None:
        """Number of the process, None when there is none."""
        return None if self._process is None else self._process.pid

    def decode(self, path: Path, sop_instance_uid: str, *, only_eligible: bool = False) -> Picture:
        """Give the picture of a stored image.

        Parameters
        ----------
        only_eligible : bool
            Whether to reject what the detector may not look at.

        Raises
        ------
        RejectedInstance
            It is not eligible, or cannot be decoded within the limits.
        DecodingFailed
            It may be decoded another time.
        OSError
            The file cannot be opened.
        """
        with self._lock, path.open("rb") as stream:
            is_fresh = self._process is None
            try:
                return self._decode(stream, sop_instance_uid, only_eligible)
            except RejectedInstance as rejection:
                if is_fresh or rejection.reason not in _IN_DISORDER:
                    raise
            log.warning("decoder_replaced", sop_instance_uid=sop_instance_uid)
            stream.seek(0)
            return self._decode(stream, sop_instance_uid, only_eligible)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _decode(self, stream: BinaryIO, uid: str, only_eligible: bool) -> Picture:
        seconds = self._limits.decode_seconds
        with os.fdopen(os.memfd_create("picture"), "w+b") as shared:
            try:
                if self._process is None:
                    self._process = DecodingProcess(self._limits.decode_memory_mib)
                answer = self._process.ask(
                    {"only_eligible": only_eligible}, [stream, shared], seconds
                )
            except ProcessEnded as ended:
                self._end()
                raise verdict_on_end(ended.status, uid) from ended
            except ProcessTooSlow as slow:
                self._end()
                raise verdict_on_slow(slow.computed, seconds, uid) from slow
            return self._picture(answer, shared, uid)

    def _picture(self, answer: dict[str, Any], shared: BinaryIO, uid: str) -> Picture:
        if "rejected" in answer:
            reason, detail = answer["rejected"]
            raise RejectedInstance(uid, reason, detail)
        if "out_of_memory" in answer:
            self._end()
            limit = f"{self._limits.decode_memory_mib} MiB are the limit"
            raise RejectedInstance(uid, Reason.DECODER_MEMORY, limit)
        if "failed" in answer:
            raise DecodingFailed("an error of ours", Failure(**answer["failed"]))
        rows, columns = answer["shape"]
        shared.seek(0)
        grey = np.fromfile(shared, np.uint8, rows * columns)
        return Picture(grey.reshape(rows, columns), tuple(answer["notes"]))

    def _end(self) -> None:
        if self._process is not None:
            self._process.close()
        self._process = None


def verdict_on_slow(computed: float, limit: float, uid: str) -> RejectedInstance | DecodingFailed:
    """Say whose fault it was that no picture came in ``limit`` seconds."""
    if computed < OWN_FAULT * limit:
        return DecodingFailed("the machine had no time for it")
    return RejectedInstance(uid, Reason.DECODER_TIME, f"{limit:g} s are the limit")


def verdict_on_end(status: int, uid: str) -> RejectedInstance | DecodingFailed:
    """Say whose fault it was that the process ended; ``status`` as ``ProcessEnded`` has it."""
    # The kernel kills a process so when the machine has no memory left, and so does a person.
    if status == -signal.SIGKILL or status >= 0:
        return DecodingFailed("its process was ended")
    return RejectedInstance(uid, Reason.DECODER_CRASHED, signal.Signals(-status).name)
