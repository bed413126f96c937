"""The checkpoints beside the walk along the chain: each is compared with its row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.db.assurance import AuditCheckpoint
from node.db.audit_problems import Kind, Problems
from node.db.checkpoint_rows import every_checkpoint
from node.store.audit_key import PublicKeys
from node.store.signed_head import SignedHead

REWRITTEN: Final = "{rows} computed anew: the last of them once had another hash"

_MOST_WAITING: Final = 1000
"""Checkpoints whose row was moved to a place farther on."""


class CheckpointWatch:
    """Compares each checkpoint with its row while the walk goes on; memory stays flat."""

    def __init__(self, session: Session, keys: PublicKeys | None, problems: Problems) -> None:
        self._session = session
        self._keys = keys
        self._problems = problems
        self._coming = self._trusted()
        self._next = next(self._coming, None)
        self._waiting: dict[int, SignedHead] = {}
        self._good = 0
        self.compared = 0

    def see(self, number: int, hashes: frozenset[str]) -> None:
        """Take note of one row: the number it was written with, the hashes it may have had."""
        while self._next is not None and self._next.event <= number:
            self._waiting[self._next.event] = self._next
            self._next = next(self._coming, None)
            if len(self._waiting) > _MOST_WAITING:
                # Its row is missing, and the walk says so.
                self._waiting.pop(next(iter(self._waiting)))
        if (checkpoint := self._waiting.pop(number, None)) is not None:
            self.compared += 1
            if checkpoint.hash not in hashes:
                first = min(self._good + 1, number)
                self._problems.add(Kind.REWRITTEN, first, REWRITTEN, last_id=number)
            self._good = number

    def end(self, next_number: int, key_changes: Sequence[int]) -> None:
        """Say what checkpoints say of rows beyond the end, and which of their own are missing."""
        while self._next is not None:
            if self._next.event >= next_number:
                text = "{rows} cut off: a checkpoint is beyond the log's end"
                self._problems.add(
                    Kind.CUT_OFF, next_number, text, last_id=max(self._next.event, next_number)
                )
            self._next = next(self._coming, None)
        # Each key signs first the very event that tells of it.
        signed = set(
            self._session.scalars(
                select(AuditCheckpoint.event_id).where(AuditCheckpoint.event_id.in_(key_changes))
            )
        )
        for event_id in key_changes:
            if event_id not in signed:
                text = "the checkpoint that was made with {rows} was removed"
                self._problems.add(Kind.CHECKPOINT, event_id, text)

    def _trusted(self) -> Iterator[SignedHead]:
        number, event = 0, 0
        for each in every_checkpoint(self._session):
            if each.number != number + 1:
                missing = f"checkpoint {number + 1}"
                if each.number > number + 2:
                    missing = f"checkpoints {number + 1} to {each.number - 1}"
                text = f"{missing} missing before checkpoint {each.number}"
                self._problems.add(Kind.CHECKPOINT, each.event, text)
            number = each.number
            trouble = "" if self._keys is None else each.trouble(self._keys)
            if not trouble and each.event <= event:
                trouble = "is of an event before that of the checkpoint before it"
            if trouble:
                text = f"checkpoint {each.number} {trouble}"
                self._problems.add(Kind.CHECKPOINT, each.event, text)
                continue
            event = each.event
            yield each
