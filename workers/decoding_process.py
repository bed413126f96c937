"""The worker's end of the process that decodes: start it, ask it, notice how it ended."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO, Final

from node.errors import NodeError
from workers import decoding_child

START_SECONDS: Final = 120.0
"""For a process that takes half a second, on a machine that has no time for it."""

_PASSED_ON: Final = ("LANG", "LC_", "LD_LIBRARY_PATH", "PATH", "PYTHON", "TMPDIR", "TZ")
"""Beginnings of the variables that the process gets; the settings' secrets are none of them."""
_OWN_VARIABLES: Final = {"MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1"}
_UTIME, _STIME = 11, 12
"""Of /proc/PID/stat, behind the name of the program: proc(5)."""


class ProcessEnded(NodeError):
    """The process ended, or never began to answer; ``status`` is minus a signal's number."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the process that decodes ended with status {status}")
        self.status = status


class ProcessTooSlow(NodeError):
    """No answer came in time; ``computed`` are the seconds that it used the processor."""

    def __init__(self, computed: float) -> None:
        super().__init__(f"no picture in time; {computed:.1f} s of it were computed")
        self.computed = computed


class DecodingProcess:
    """One process, from its start to its end; asked by one thread at a time.

    Parameters
    ----------
    memory_mib : int
        What it may have beside what it has after its start.

    Raises
    ------
    ProcessEnded
        It does not start; its standard error, which is ours, says why.
    """

    def __init__(self, memory_mib: int) -> None:
        # Messages keep their borders, and may bring open files along.
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        module = decoding_child.__name__
        with theirs:
            # A new program, never a fork: TensorFlow's threads would not be in the copy.
            self._process = subprocess.Popen(  # noqa: S603 - nothing of a peer's is in it
                [sys.executable, "-P", "-m", module, str(theirs.fileno()), str(memory_mib)],
                env={**_passed_on(), **_OWN_VARIABLES},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        try:
            self._receive(START_SECONDS)
        except (ProcessEnded, ProcessTooSlow):
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def ask(self, request: dict[str, Any], files: list[BinaryIO], seconds: float) -> dict[str, Any]:
        """Send a request with open files, and wait for the answer.

        Raises
        ------
        ProcessEnded, ProcessTooSlow
            There is none; the process must be closed.
        """
        message = json.dumps({**request, "seconds": seconds}).encode()
        try:
            socket.send_fds(self._line, [message], [file.fileno() for file in files])
        except OSError:
            raise ProcessEnded(self._status()) from None
        answer: dict[str, Any] = json.loads(self._receive(seconds))
        return answer

    def close(self) -> None:
        """End the process, whatever it does."""
        self._line.close()
        self._process.kill()
        self._process.wait()

    def _receive(self, seconds: float) -> bytes:
        before = self._computed()
        self._line.settimeout(seconds)
        try:
            message = self._line.recv(decoding_child.LARGEST_MESSAGE)
        except TimeoutError:
            raise ProcessTooSlow(self._computed() - before) from None
        except ConnectionResetError:
            message = b""
        if not message:
            raise ProcessEnded(self._status())
        return message

    def _status(self) -> int:
        """Wait for the end of a process that closed its connection."""
        try:
            return self._process.wait(decoding_child.GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return 0

    def _computed(self) -> float:
        """Give the seconds that it used the processor so far."""
        stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace")
        fields = stat.rpartition(")")[2].split()
        ticks = int(fields[_UTIME]) + int(fields[_STIME])
        return ticks / os.sysconf("SC_CLK_TCK")


def _passed_on() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}
