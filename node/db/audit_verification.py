"""The whole check of the audit log: its chain, its checkpoints, and what was exported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.db.assurance import AuditCheckpoint
from node.db.audit_problems import AT_MOST, Kind, Problem, Problems
from node.db.audit_row import Head, stored_rows
from node.db.audit_walk import Walk
from node.db.checkpoint_watch import REWRITTEN, CheckpointWatch
from node.db.installation import uid_namespace
from node.db.tables import AuditEvent
from node.store.audit_key import PublicKeys
from node.store.signed_head import HeadKind, SignedHead

ExportedHeads = Callable[[], Iterator[tuple[int, SignedHead | None]]]
"""Gives the exported lines from the first, each time that it is called."""

_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Verification:
    """What a check found.

    Attributes
    ----------
    checked : int
        Rows that were looked at.
    problems : tuple of Problem
        What is wrong, by the rows; ``total`` counts those too that are not listed.
    head : Head or None
        The last row, to be noted elsewhere; None without rows and in a log that is not whole.
    checkpoints, exported : int
        Checkpoints and exported heads that were compared with the chain.
    void : int
        Exported heads of what a restore from a backup left behind.
    """

    checked: int
    problems: tuple[Problem, ...] = ()
    total: int = 0
    head: Head | None = None
    checkpoints: int = 0
    exported: int = 0
    void: int = 0

    @property
    def problem(self) -> str | None:
        """The first problem in words; None when the log is whole."""
        return str(self.problems[0]) if self.problems else None

    @property
    def first_bad_id(self) -> int | None:
        """The first row that is changed, out of its place, put in or missing."""
        return self.problems[0].first_id if self.problems else None


def verify_log(
    session: Session,
    *,
    keys: PublicKeys | None = None,
    exported: ExportedHeads = lambda: iter(()),
    noted: Head | None = None,
    at_most: int = AT_MOST,
) -> Verification:
    """Walk the whole log once and compare it with everything that was said of it.

    Parameters
    ----------
    session : Session
        Of one snapshot, ``Database.snapshot``: on PostgreSQL each statement of another
        transaction would see another log.
    keys : PublicKeys, optional
        By which the signatures are checked; None: they are not.
    exported : callable
        Lines that were exported before the snapshot was taken.
    noted : Head, optional
        The chain must hold this row, with this hash.
    at_most : int
        Problems that are listed.
    """
    problems = Problems(at_most)
    walk = Walk(session, problems)
    watch = CheckpointWatch(session, keys, problems)
    walk.run(stored_rows(session), watch.see)
    watch.end(walk.next_number, walk.key_changes)
    comparison = _Comparison(session, problems, walk.next_number, keys)
    comparison.run(exported)
    if noted is not None:
        comparison.compare([noted])
    return Verification(
        walk.checked,
        problems.in_order(),
        problems.total,
        None if problems.total else walk.head,
        watch.compared,
        comparison.compared,
        comparison.void,
    )


class _Comparison:
    """Compares heads that were noted elsewhere with the rows."""

    def __init__(
        self, session: Session, problems: Problems, next_number: int, keys: PublicKeys | None
    ) -> None:
        self._session = session
        self._problems = problems
        self._next_number = next_number
        self._keys = keys
        self._good = 0
        self.compared = 0
        self.void = 0

    def run(self, exported: ExportedHeads) -> None:
        restores = [
            (line, head.number)
            for line, head in exported()
            if head and head.kind is HeadKind.RESTORE and not self._trouble(head)
        ]
        live = self._live(exported, restores)
        newest = 0
        while batch := list(islice(live, _AT_ONCE)):
            self.compared += len(batch)
            newest = max(newest, *(head.number for head in batch))
            self.compare([Head(head.event, head.hash) for head in batch])
        kept = self._session.scalar(
            select(AuditCheckpoint.id).order_by(AuditCheckpoint.id.desc()).limit(1)
        )
        if newest > (kept or 0):
            text = f"checkpoints {(kept or 0) + 1} to {newest} were exported and are not there"
            self._problems.add(Kind.CHECKPOINT, self._next_number, text)

    def _live(
        self, exported: ExportedHeads, restores: list[tuple[int, int]]
    ) -> Iterator[SignedHead]:
        """Give the exported checkpoints that hold; say what is wrong with the others."""
        for line, head in exported():
            trouble = "is no head" if head is None else self._trouble(head)
            if head is None or trouble:
                text = f"line {line} of the exported heads {trouble}"
                self._problems.add(Kind.EXPORT, head.event if head else 0, text)
            elif any(line < later and head.number > number for later, number in restores):
                self.void += 1
            elif head.kind is HeadKind.CHECKPOINT:
                yield head

    def _trouble(self, head: SignedHead) -> str:
        if head.installation != str(uid_namespace(self._session)):
            return "is of another installation"
        return "" if self._keys is None else head.trouble(self._keys)

    def compare(self, heads: list[Head]) -> None:
        """Say which heads are not in the chain."""
        ids = [head.id for head in heads]
        rows = select(AuditEvent.id, AuditEvent.hash).where(AuditEvent.id.in_(ids))
        hashes = dict(self._session.execute(rows).all())
        for head in heads:
            if head.id >= self._next_number:
                text = "{rows} cut off: a head that was noted elsewhere is beyond the log's end"
                self._problems.add(Kind.CUT_OFF, self._next_number, text, last_id=head.id)
            elif hashes.get(head.id) != head.hash:
                first = min(self._good + 1, head.id)
                self._problems.add(Kind.REWRITTEN, first, REWRITTEN, last_id=head.id)
            self._good = head.id
