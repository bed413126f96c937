"""The time limit of a worker's work: what holds on beyond its lease ends its process.

A thread that hangs cannot be ended, and one that hangs in foreign code may hold the
interpreter's lock, so that no other thread of Python runs again. So the limit is kept by
``faulthandler``: a thread of C that needs no lock writes where each thread stands to the
process' claim sheet and ends the process. Whoever restarts processes starts another, which
reads the sheet (``workers.takeover``).
"""

from __future__ import annotations

import faulthandler
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from node.errors import NodeError
from node.store.claim_sheet import ClaimSheet, Held

SHORTEST_SECONDS: Final = 0.001

SPARE_SECONDS: Final = 5.0
SPARE_PART: Final = 0.1
"""The process ends so long before the lease does, or this part of it: its sheet is there then."""


class Draining(NodeError):
    """A part of this process hangs, and it is about to end: the work is left to others."""


class Watch(Protocol):
    """The time limit of one piece of work."""

    def hold(self, table: str, claims: Iterable[tuple[int, str]]) -> None:
        """Note the rows that were claimed for it, by id and token."""

    def begin_anew(self) -> None:
        """Begin the time limit anew, as the lease was."""


class Watchdog(Protocol):
    """Watches the work of a process."""

    def watching(self, seconds: float) -> AbstractContextManager[Watch]:
        """Watch the block, which may take so many seconds."""

    def close(self) -> None:
        """Stop watching."""


@dataclass(eq=False)
class _Work:
    """One piece of work of one thread; a ``Watch``."""

    dog: ProcessWatchdog
    seconds: float
    deadline: float
    held: list[Held] = field(default_factory=list)
    thread: int = field(default_factory=threading.get_ident)

    def hold(self, table: str, claims: Iterable[tuple[int, str]]) -> None:
        self.held += [Held(table, row_id, token, self.thread) for row_id, token in claims]
        self.dog.note()

    def begin_anew(self) -> None:
        self.dog.begin_anew(self)


class ProcessWatchdog:
    """The time limit of this process' work, and its claim sheet.

    While one piece of work is beyond its limit no other one begins, those that had begun
    may end within theirs, and then the process ends.

    Parameters
    ----------
    drain : callable
        Asks the process, once, to take no more work.
    """

    def __init__(self, sheet: ClaimSheet, drain: Callable[[], None] = lambda: None) -> None:
        self._sheet = sheet
        self._drain = drain
        self._lock = threading.Lock()
        self._running: list[_Work] = []
        # A crash leaves the places of its threads in the sheet too.
        faulthandler.enable(sheet)

    @contextmanager
    def watching(self, seconds: float) -> Iterator[Watch]:
        """Watch the block, for a lease of so many seconds.

        Raises
        ------
        Draining
            A part of this process hangs: nothing new begins here.
        """
        seconds -= min(SPARE_SECONDS, seconds * SPARE_PART)
        work = _Work(self, seconds, time.monotonic() + seconds)
        with self._lock:
            overran = any(each.deadline < time.monotonic() for each in self._running)
            if not overran:
                self._running.append(work)
                self._arm()
        if overran:
            self._drain()
            raise Draining("a part of this process hangs; it ends when the others are done")
        try:
            yield work
        finally:
            with self._lock:
                self._running.remove(work)
                self._arm()
            if work.held:
                self.note()

    def begin_anew(self, work: _Work) -> None:
        """Give a piece of work its whole time again."""
        with self._lock:
            work.deadline = time.monotonic() + work.seconds
            self._arm()

    def note(self) -> None:
        """Write what this process holds to its sheet."""
        with self._lock:
            self._sheet.write(held for work in self._running for held in work.held)

    def close(self) -> None:
        """Stop watching; the process ends as it should."""
        faulthandler.cancel_dump_traceback_later()
        faulthandler.disable()
        self._sheet.close()

    def _arm(self) -> None:
        """Let the process end at the last limit of what has begun."""
        if not self._running:
            faulthandler.cancel_dump_traceback_later()
            return
        left = max(work.deadline for work in self._running) - time.monotonic()
        faulthandler.dump_traceback_later(max(left, SHORTEST_SECONDS), exit=True, file=self._sheet)


class _NoLimit:
    """The ``Watch`` of a process that nobody watches."""

    def hold(self, table: str, claims: Iterable[tuple[int, str]]) -> None:
        """Note nothing."""

    def begin_anew(self) -> None:
        """Do nothing."""


class Unwatched:
    """The watchdog of commands and tests: whoever started them ends them."""

    @contextmanager
    def watching(self, seconds: float) -> Iterator[Watch]:  # noqa: ARG002 - as the others
        """Run the block without a limit."""
        yield _NoLimit()

    def close(self) -> None:
        """Do nothing."""
