"""Points of a child's work at which its parent decides what happens next.

The child stops at each durable operation, names it and waits. The parent lets it go on, makes
the operation fail, does something to the world meanwhile, or kills it there: nothing is left to
timing.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection

from workers.selftest.steps import Step


class Kind(StrEnum):
    """What is about to happen at a point."""

    WRITE = "write"
    SYNC = "sync"
    NAME = "name"
    """A link or a rename: a file gets its name."""
    FOLDER = "folder"
    UNLINK = "unlink"
    BEGIN = "begin"
    """A write transaction begins."""
    AUDIT = "audit"
    """Inside a transaction, after the state moved and before its audit row."""
    COMMIT = "commit"
    PUBLISH = "publish"
    READ = "read"
    """An image is read and decoded."""
    LOOK = "look"
    """The detector looks at pictures."""
    ASK = "ask"
    """A request goes to a peer, and its answer is waited for."""
    ANSWER = "answer"
    """The answer of a C-STORE goes to the sender."""
    END = "end"
    """The work is done, the message is not acknowledged yet."""


@dataclass(frozen=True, slots=True)
class Point:
    """One operation: ``where`` names it without what differs from run to run.

    ``number`` counts those of the same name, the first is 1.
    """

    step: Step
    kind: Kind
    where: str
    number: int = 1
    path: str = ""
    """The very file, below the storage root; ``OLD>NEW`` where it gets a name."""
    holds_lock: bool = False
    """Whether the child is inside a write transaction, so that nobody else may write."""
    failed: bool = False
    """Whether the operation was made to fail."""

    @property
    def name(self) -> str:
        """What a person reads, and what finds it again in another run."""
        return " ".join(filter(None, (self.kind.value, self.where, f"#{self.number}")))


@dataclass(frozen=True, slots=True)
class Reply:
    """What the parent wants: go on, or let the operation fail with ``error``.

    ``full`` gives the child's files no more room from here on.
    """

    error: int = 0
    full: bool = False


GO_ON = Reply()


class Gate:
    """The child's side; several threads may come to a point at once.

    While ``lets_pass`` is set nobody waits: that is for a start which is no part of the step.
    """

    def __init__(self, line: Connection) -> None:
        self._line = line
        self._lock = threading.Lock()
        self._seen: Counter[tuple[Step, Kind, str]] = Counter()
        self._is_writing = False
        self.lets_pass = False
        self.on_full: Callable[[], None] = lambda: None

    def reach(self, step: Step, kind: Kind, where: str = "", *, path: str = "") -> None:
        """Wait at a point.

        Raises
        ------
        OSError
            The parent wants the operation to fail.
        """
        if self.lets_pass:
            return
        with self._lock:
            self._seen[step, kind, where] += 1
            number = self._seen[step, kind, where]
            self._line.send(Point(step, kind, where, number, path, self._is_writing))
            reply: Reply = self._line.recv()
        if reply.full:
            self.on_full()
        if reply.error:
            raise OSError(reply.error, "made to fail by the self-test")

    def writing(self, *, begins: bool) -> None:
        """Remember whether a thread of the child is inside a write transaction."""
        self._is_writing = begins
