"""The walk along the audit chain that finds every row that was touched, and says how.

A row that agrees with its hash is *whole*, and the hash covers the number that the row was
written with: that number is compared with the row's place. What a row that is not whole was,
a changed one or one that was put in, the rows around it tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, pairwise
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from node.db.audit_problems import Kind, Problems
from node.db.audit_row import FIRST_PREVIOUS_HASH, Head, StoredRow, stored_hash
from node.db.events import Event
from node.db.number_ranges import NumberRanges
from node.db.tables import AuditEvent

_SEARCHES: Final = 1000
"""Rows whose number is searched for at some cost; all others are tried at the last distance."""

_NEARBY: Final = 50
_AWAITED_RANGES: Final = 5000

Watch = Callable[[int, frozenset[str]], None]
"""Called with each row's number and the hashes that it may have had."""


class Walk:
    """Looks at each row once, in the order of the ids.

    Parameters
    ----------
    session : Session
        Of one snapshot: the neighbours of a row that was moved are looked up in it.
    """

    def __init__(self, session: Session, problems: Problems) -> None:
        self._session = session
        self._problems = problems
        self.checked = 0
        self.key_changes: list[int] = []
        self.next_number = 1
        self.head: Head | None = None
        self._awaited = NumberRanges()
        self._damaged: list[tuple[int, str]] = []
        self._last: tuple[int, frozenset[str]] = (0, frozenset({FIRST_PREVIOUS_HASH}))
        self._distance = 0
        self._searches = 0

    def run(self, rows: Iterable[StoredRow], watch: Watch = lambda _number, _hashes: None) -> None:
        """Look at every row; afterwards every problem of the chain is in the list."""
        for row, following in _with_following(rows):
            self.checked += 1
            computed = stored_hash(row)
            number = self._number_of(row, computed)
            if number is None:
                self._take_damaged(row, computed, following)
                watch(row.id, frozenset(filter(None, (row.hash, computed))))
            else:
                if row.event == Event.AUDIT_KEY_CHANGED:
                    self.key_changes.append(number)
                self._take_whole(row, number, following)
                watch(number, frozenset({row.hash}))
        self._end_damaged(None)
        self._say_removed(self._awaited)

    def _number_of(self, row: StoredRow, computed: str | None) -> int | None:
        """Give the number that a row was written with; None when it is not whole."""
        if computed is None:
            return None
        if computed == row.hash:
            self._distance = 0
            return int(row.id)
        if self._distance and stored_hash(row, id=row.id + self._distance) == row.hash:
            return int(row.id) + self._distance
        if self._searches < _SEARCHES:
            self._searches += 1
            for number in self._likely_numbers(row):
                if stored_hash(row, id=number) == row.hash:
                    self._distance = number - row.id
                    return number
        return None

    def _likely_numbers(self, row: StoredRow) -> Iterator[int]:
        neighbours = self._session.execute(
            select(AuditEvent.id, AuditEvent.hash, AuditEvent.previous_hash).where(
                or_(AuditEvent.hash == row.previous_hash, AuditEvent.previous_hash == row.hash)
            )
        ).all()
        for each in neighbours:
            yield each.id + 1 if each.hash == row.previous_hash else each.id - 1
        for distance in range(1, _NEARBY + 1):
            yield row.id - distance
            yield row.id + distance

    def _take_whole(self, row: StoredRow, number: int, following: StoredRow | None) -> None:
        had_damaged = bool(self._damaged)
        self._end_damaged(number)
        if number >= self.next_number:
            self._await(self.next_number, number - 1)
            self.next_number = number + 1
            self.head = Head(number, row.hash)
        elif not self._awaited.remove(number):
            self._problems.add(
                Kind.INSERTED, number, "{rows}: there are two of that number, one was put in"
            )
        if number != row.id:
            distance = number - row.id
            text = f"{{rows}} moved: its number was {abs(distance)} "
            text += "higher" if distance > 0 else "lower"
            self._problems.add(Kind.MOVED, row.id, text)
        last, hashes = self._last
        if number == last + 1 and not had_damaged and row.previous_hash not in hashes:
            self._blame(row, number, following)
        self._last = (number, frozenset({row.hash}))

    def _blame(self, row: StoredRow, number: int, following: StoredRow | None) -> None:
        """Say which of two whole rows that do not fit was computed anew."""
        alone = following is not None and following.previous_hash != row.hash
        if alone or number == 1:
            text = "{rows} was computed anew: it does not follow the event before it"
            self._problems.add(Kind.CHANGED, number, text)
        else:
            text = "{rows} was computed anew: the event after it does not follow it"
            self._problems.add(Kind.CHANGED, number - 1, text)

    def _take_damaged(
        self, row: StoredRow, computed: str | None, following: StoredRow | None
    ) -> None:
        _, hashes = self._last
        goes_round = (
            following is not None
            and following.previous_hash in hashes
            and following.previous_hash not in (row.hash, computed)
        )
        self._damaged.append((row.id, self._damage(row, computed, hashes, following)))
        if goes_round:
            for event_id, _ in self._damaged:
                self._problems.add(Kind.INSERTED, event_id, "{rows} was put in")
            self._damaged.clear()
        elif len(self._damaged) > _SEARCHES:
            self._end_damaged(None)

    @staticmethod
    def _damage(
        row: StoredRow, computed: str | None, hashes: frozenset[str], following: StoredRow | None
    ) -> str:
        """Name the column that was changed, where the rows around it tell."""
        if computed is None:
            return "{rows} was changed: it cannot be read"
        if following is not None and computed == following.previous_hash:
            return "{rows} was changed in hash"
        if any(stored_hash(row, previous_hash=each) == row.hash for each in hashes):
            return "{rows} was changed in previous_hash"
        return "{rows} was changed"

    def _await(self, first: int, last: int) -> None:
        """Look out for rows that may have been moved to a place farther on."""
        self._awaited.add(first, last)
        if len(self._awaited) > 2 * _AWAITED_RANGES:
            self._say_removed(self._awaited.take_first(keep=_AWAITED_RANGES))

    def _say_removed(self, ranges: Iterable[tuple[int, int]]) -> None:
        for first, last in ranges:
            text = "{rows} was removed" if first == last else "{rows} were removed"
            self._problems.add(Kind.REMOVED, first, text, last_id=last)

    def _end_damaged(self, number: int | None) -> None:
        """Say of rows that are not whole what they are, now that row ``number`` is known."""
        # A row that was moved here from before says nothing of where this one belongs.
        below = math.inf if number is None or number < self.next_number else number
        for event_id, text in self._damaged:
            if self.next_number <= event_id < below:
                self._await(self.next_number, event_id - 1)
                self.next_number = event_id + 1
                self._problems.add(Kind.CHANGED, event_id, text)
            else:
                self._problems.add(Kind.INSERTED, event_id, "{rows} was put in")
        self._damaged.clear()


def _with_following(rows: Iterable[StoredRow]) -> Iterator[tuple[StoredRow, StoredRow | None]]:
    for row, following in pairwise(chain(rows, [None])):
        if row is not None:
            yield row, following
