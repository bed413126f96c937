"""Writes of many threads in one transaction: each is durable, and all wait for one commit.

A transaction has a price of its own (the lock, the sync), and two hundred peers that
associate at once would queue for two hundred of them.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from node.db.session import UNAVAILABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from sqlalchemy.orm import Session

    from node.db.session import Database

T = TypeVar("T")

MOST_IN_ONE: Final = 64
"""Writes in one transaction; others of the database wait that long at most."""


@dataclass(eq=False)
class _Write(Generic[T]):
    """What one thread wants to write; ``result`` has one item when it is committed."""

    work: Callable[[Session], T]
    turn: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    result: list[T] = field(default_factory=list)
    error: Exception | None = None


class GroupedWriter:
    """Lets the first of several threads write for all of them.

    No thread goes on before its own write is committed, alone or with others.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._queue: list[_Write[object]] = []
        self._has_leader = False

    def write(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` in a write transaction and return what it gives, when it is committed.

        Parameters
        ----------
        work : callable
            May run twice, in another thread; what it wrote at first is rolled back then.

        Raises
        ------
        OperationalError, InterfaceError, InternalError, TimeoutError
            The database is not available; nothing was written, or nobody knows.
        """
        write: _Write[T] = _Write(work)
        with self._lock:
            self._queue.append(write)  # type: ignore[arg-type]  # a list of any of them
            if not self._has_leader:
                self._has_leader = write.leads = True
                write.turn.set()
        write.turn.wait()
        if write.leads:
            self._lead()
        if write.error is not None:
            raise write.error
        if not write.result:
            # A fault of another one's work took this along; alone it fails by itself or not at all.
            with self._database.begin() as session:
                return work(session)
        return write.result[0]

    def _lead(self) -> None:
        """Write for all that wait, this thread's own among them, and hand the lead on."""
        with self._lock:
            batch, self._queue = self._queue[:MOST_IN_ONE], self._queue[MOST_IN_ONE:]
        with _Failing(batch):
            with self._database.begin() as session:
                results = [write.work(session) for write in batch]
            for write, result in zip(batch, results, strict=True):
                write.result.append(result)
        with self._lock:
            self._has_leader = bool(self._queue)
            if self._queue:
                self._queue[0].leads = True
                self._queue[0].turn.set()
        for write in batch:
            write.turn.set()


class _Failing:
    """Tells a whole batch that the database is not available; any other fault is for each alone."""

    def __init__(self, batch: list[_Write[object]]) -> None:
        self._batch = batch

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, UNAVAILABLE):
            for write in self._batch:
                write.error = error
        return isinstance(error, Exception)
