"""The processes of `mgnode up`: started in order, restarted when they die, stopped cleanly."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Final

import structlog

log = structlog.get_logger(__name__)

PR_SET_PDEATHSIG: Final = 1
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 60.0
"""A process that lived this long starts again with the shortest pause."""

STOP_SECONDS: Final = 30.0
"""A process that has not ended this long after SIGTERM is killed; its rows keep their leases."""

POLL_SECONDS: Final = 0.2

PRIVATE_UMASK: Final = 0o077
"""What a process makes is for its owner alone."""

UNUSABLE: Final = 2
"""Exit status of a process that needs an administrator; it is not started again."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program to keep running, in the given environment alone.

    A program that ``is_server`` serves the others and ends after them. One that dies again
    and again waits ever longer, up to ``longest_pause_seconds``, before it is started anew.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    is_server: bool = False
    longest_pause_seconds: float = LONGEST_PAUSE_SECONDS


class Supervisor:
    """Keeps programs running until ``stop`` is set; one instance for one run.

    What the programs print goes to ``output``, else to this process' own streams.
    """

    def __init__(
        self, programs: Sequence[Program], stop: threading.Event, output: IO[bytes] | None = None
    ) -> None:
        self._children = [_Child(program, output) for program in programs]
        self._stop = stop

    def run(self) -> int:
        """Start everything, watch it, stop it; give the exit status of the whole.

        A program that ends with status 2 says that it cannot work as it is set up:
        everything is stopped then, because a node without it would look healthy.
        """
        status = 0
        try:
            while not self._stop.is_set() and status == 0:
                status = max((child.keep_running() for child in self._children), default=0)
                self._stop.wait(POLL_SECONDS)
        finally:
            _end([child for child in self._children if not child.program.is_server])
            _end([child for child in self._children if child.program.is_server])
        return status

    def pids(self) -> dict[str, int]:
        """Process ids of the programs that run now, by name."""
        return {child.program.name: child.pid for child in self._children if child.pid}


def _end(children: Sequence[_Child]) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        child.wait_until(deadline)


class _Child:
    def __init__(self, program: Program, output: IO[bytes] | None) -> None:
        self.program = program
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = self._shortest_pause
        self._not_before = 0.0

    @property
    def _shortest_pause(self) -> float:
        return min(FIRST_PAUSE_SECONDS, self.program.longest_pause_seconds)

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    def keep_running(self) -> int:
        """Start the program when it is due; give 2 when it says that it cannot work."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._not_before:
                self._start(now)
            return 0
        status = self._process.poll()
        if status is None:
            return 0
        self._process = None
        if status == UNUSABLE:
            log.error("program_cannot_work", program=self.program.name)
            return UNUSABLE
        if now - self._started > STEADY_SECONDS:
            self._pause = self._shortest_pause
        log.warning(
            "program_ended", program=self.program.name, status=status, restart_in=self._pause
        )
        self._not_before = now + self._pause
        self._pause = min(2 * self._pause, self.program.longest_pause_seconds)
        return 0

    def _start(self, now: float) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own commands, no shell
            self.program.command,
            env=dict(self.program.environment),
            stderr=self._output,
            stdout=self._output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            # A server of others makes its files as it likes, and they hold what is ours.
            umask=PRIVATE_UMASK,
            preexec_fn=partial(_die_with, os.getpid()) if sys.platform == "linux" else None,
        )
        self._started = now
        log.info("program_started", program=self.program.name, pid=self._process.pid)

    def terminate(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait_until(self, deadline: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            log.warning("program_killed", program=self.program.name)
            self._process.kill()
            self._process.wait()


_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with(parent: int) -> None:
    # A supervisor that is killed must not leave an SCP behind that holds the port.
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # It may have been killed before that was said: then nobody will tell.
    if os.getppid() != parent:
        os._exit(0)
