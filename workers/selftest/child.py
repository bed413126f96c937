"""The parent's side of a child: start it, decide at each of its points, end it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import wait
from typing import Final

from node.errors import StopError
from workers.selftest.gate import GO_ON, Point, Reply
from workers.selftest.jobs import Order, carry_out

_SECONDS: Final = 60.0
"""A child whose work takes longer hangs: the slowest takes two."""

_PRELOADED: Final = [
    "workers.selftest.jobs",
    # What Celery, SQLAlchemy and Pillow would load at their first use, in each child anew.
    "_strptime",
    "PIL.ImageFile",
    "celery.app.amqp",
    "celery.app.events",
    "celery.backends",
    "celery.events",
    "celery.fixups.django",
    "celery.loaders.app",
    "kombu.transport.redis",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
]

Decide = Callable[[Point, "Child"], Reply | None]
"""What to do at a point; None when the child was killed there."""


def go_on(_point: Point, _child: Child) -> Reply:
    """Let everything happen."""
    return GO_ON


class Child:
    """One process with one piece of work.

    It is forked from a server that has the node's modules loaded and no thread: a fork of this
    process, with its peers, would be neither quick nor safe.
    """

    def __init__(self, order: Order) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
        self._line, theirs = context.Pipe()
        self._control, their_control = context.Pipe()
        self._process = context.Process(
            target=carry_out, args=(order, theirs, their_control), daemon=True
        )
        self._process.start()
        theirs.close()
        their_control.close()
        self.trace: list[Point] = []

    def wait_until_ready(self) -> None:
        """Wait until the SCP of the child listens."""
        if not self._control.poll(_SECONDS):
            raise StopError("the self-test's SCP does not start")
        try:
            self._control.recv()
        except EOFError as error:
            raise StopError("the self-test's SCP ended at its start") from error

    def stop(self) -> None:
        """Ask the SCP of the child to end; more points may follow."""
        try:
            self._control.send("stop")
        except OSError:
            # It is dead already: a fault of the cell, and no trouble here.
            return

    def kill(self) -> None:
        """End it as a power cut does, and wait until it is gone."""
        if self._process.is_alive():
            os.kill(self._process.pid or 0, signal.SIGKILL)
        self._process.join()

    def attend(self, decide: Decide = go_on, *, until: Callable[[], bool] = lambda: False) -> None:
        """Answer its points until it has ended, or until ``until`` holds and none waits.

        Raises
        ------
        StopError
            It did not end in time.
        """
        deadline = time.monotonic() + _SECONDS
        while not until():
            if time.monotonic() > deadline:
                self.kill()
                raise StopError(f"a child hangs after {self.trace[-1:]}")
            ready = wait([self._line, self._process.sentinel], 0.02)
            if self._line in ready:
                if not self._answer(decide):
                    return
            elif ready:
                return

    def close(self) -> None:
        """Kill it if it still runs, and forget it."""
        self.kill()
        self._process.close()
        self._line.close()
        self._control.close()

    def _answer(self, decide: Decide) -> bool:
        try:
            point: Point = self._line.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            return False
        reply = decide(point, self)
        if reply is None:
            return False
        self.trace.append(replace(point, failed=reply.error != 0))
        try:
            self._line.send(reply)
        except BrokenPipeError:
            return False
        return True
