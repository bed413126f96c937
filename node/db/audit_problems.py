"""What is wrong with an audit log, in a list that stays short however much is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

AT_MOST: Final = 100
"""Problems that are listed; the others are counted."""


class Kind(StrEnum):
    """What was done to the log, as far as the evidence tells."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    MOVED = "reordered"
    REWRITTEN = "computed anew"
    CUT_OFF = "cut off"
    CHECKPOINT = "checkpoint"
    EXPORT = "exported head"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the rows ``first_id`` to ``last_id``.

    Attributes
    ----------
    text : str
        It in words; ``{rows}`` in it stands for the rows.
    """

    kind: Kind
    first_id: int
    last_id: int
    text: str

    def __str__(self) -> str:
        rows = f"event {self.first_id}"
        if self.last_id != self.first_id:
            rows = f"events {self.first_id} to {self.last_id}"
        return self.text.replace("{rows}", rows)


@dataclass
class Problems:
    """Collects problems; rows beside each other with the same problem become one."""

    at_most: int = AT_MOST
    total: int = 0
    listed: list[Problem] = field(default_factory=list)
    _last: Problem | None = None

    def add(self, kind: Kind, first_id: int, text: str, *, last_id: int | None = None) -> None:
        """Add one; a row that was said to be changed is not said to be so again."""
        new = Problem(kind, first_id, first_id if last_id is None else last_id, text)
        last = self._last
        if last is not None and last.kind is kind:
            if kind is Kind.CHANGED and last.first_id <= first_id and new.last_id <= last.last_id:
                return
            if (last.first_id, last.last_id, last.text) == (first_id, new.last_id, text):
                return
            if last.text == text and first_id == last.last_id + 1:
                self._last = replace(last, last_id=new.last_id)
                if self.listed and self.listed[-1] is last:
                    self.listed[-1] = self._last
                return
        self._last = new
        self.total += 1
        if len(self.listed) < self.at_most:
            self.listed.append(new)

    def in_order(self) -> tuple[Problem, ...]:
        """Give the listed problems, by the rows that they are about."""
        return tuple(sorted(self.listed, key=lambda each: (each.first_id, each.last_id)))
