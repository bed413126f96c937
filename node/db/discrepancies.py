"""What rows, files, broker and destinations disagree about: found, told once, resolved.

Each has one open row for its kind and subject. It is found and resolved with an audit row;
that it is still there changes ``seen_at`` alone, so that a long trouble fills no log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.db import audit
from node.db.assurance import Discrepancy
from node.db.events import Event
from node.db.session import require_writer

MOST_OPEN: Final = 1000
"""Open rows of one kind; a storage that is not mounted must not make ten million."""

GONE: Final = "GONE"
"""It was not there when it was looked for again."""


class Kind(StrEnum):
    """What kind of discrepancy; ``meaning`` says it in a sentence."""

    meaning: str

    def __new__(cls, name: str, meaning: str = "") -> Self:
        """Make a member whose value is ``name``."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        return member

    FILE_MISSING = "FILE_MISSING", "A row names a file that is not there."
    FILE_WRONG_SIZE = "FILE_WRONG_SIZE", "A file has not as many bytes as its row says."
    FILE_DAMAGED = "FILE_DAMAGED", "A file has other bytes than its row's sha256 says."
    FILE_UNREADABLE = "FILE_UNREADABLE", "The file system does not give a file."
    FILE_WITHOUT_ROW = "FILE_WITHOUT_ROW", "No row names this file."
    HALF_WRITTEN = "HALF_WRITTEN", "A process died while it wrote this file; nobody was told of it."
    STORAGE_AWAY = "STORAGE_AWAY", "A folder of the storage is missing: nothing is compared."
    QUARANTINE_WAITS = "QUARANTINE_WAITS", "Files in quarantine that nobody has looked at."
    ROW_IMPOSSIBLE = "ROW_IMPOSSIBLE", "A row is in a state that no step of the node leaves."
    ANALYSIS_MISSING = "ANALYSIS_MISSING", "An image is ANALYSED, and no analysis is recorded."
    STUDY_OVERDUE = "STUDY_OVERDUE", "A study should be complete or reported by now."
    QUEUE_TOO_OLD = "QUEUE_TOO_OLD", "Something waits longer than the settings allow."
    NO_LISTENER = "NO_LISTENER", "No worker takes what is due."
    BROKER_AWAY = "BROKER_AWAY", "The broker does not answer; messages wait in the rows."
    DESTINATION_FAILING = "DESTINATION_FAILING", "A destination takes nothing, attempt by attempt."
    DESTINATION_UNKNOWN = (
        "DESTINATION_UNKNOWN",
        "Results are due at a destination that is in no setting.",
    )
    DELIVERY_FAILED = (
        "DELIVERY_FAILED",
        "Results were given up for a destination: mend the cause, then `mgnode retry`.",
    )
    STUDY_FAILED = (
        "STUDY_FAILED",
        "A study was given up and has no report: `mgnode studies show` says why.",
    )
    IMAGE_FAILED = (
        "IMAGE_FAILED",
        "Images were given up: mend the cause and `mgnode retry`, or `mgnode instances reject`.",
    )
    RESTORED = "RESTORED", "The node was restored from a backup: deliveries are held back."
    MORE_OF_A_KIND = "MORE_OF_A_KIND", "There are more of this kind than are kept open as rows."


@dataclass(frozen=True, slots=True)
class Found:
    """One discrepancy as it was seen; ``mended`` says what was done about it, if anything."""

    kind: Kind
    subject: str
    detail: str = ""
    study_instance_uid: str = ""
    mended: str = ""


def note(session: Session, found: Found, *, at: datetime, actor: str) -> bool:
    """Open a row for what was found, or keep the one that is open; say whether it is new.

    What is mended already is found and resolved in one transaction.
    """
    # Nobody else writes from here to the commit: there is no second open row.
    require_writer(session)
    row = _open(session, found.kind, found.subject)
    is_new = row is None
    if row is None:
        if not found.mended and _is_too_many(session, found.kind, at=at, actor=actor):
            return False
        row = Discrepancy(
            kind=found.kind,
            subject=found.subject,
            study_instance_uid=found.study_instance_uid,
            detail=found.detail,
            found_at=at,
            seen_at=at,
        )
        session.add(row)
        session.flush()
        _tell(session, row, Event.DISCREPANCY_FOUND, at=at, actor=actor)
    row.detail, row.seen_at = found.detail, at
    if found.mended:
        resolve(session, row, found.mended, at=at, actor=actor)
    return is_new


def resolve(session: Session, row: Discrepancy, how: str, *, at: datetime, actor: str) -> None:
    """Close an open row and say how it ended."""
    row.resolved_at, row.resolution = at, how
    _tell(session, row, Event.DISCREPANCY_RESOLVED, at=at, actor=actor)


def settle(
    session: Session,
    kinds: Iterable[Kind],
    found: Sequence[Found],
    *,
    at: datetime,
    actor: str,
) -> list[Found]:
    """Open what was found, close every other open row of these kinds; give what is new."""
    new = [each for each in found if note(session, each, at=at, actor=actor)]
    there = {(each.kind, each.subject) for each in found}
    for row in open_rows(session, kinds):
        if (row.kind, row.subject) not in there:
            resolve(session, row, GONE, at=at, actor=actor)
    return new


def open_rows(
    session: Session, kinds: Iterable[Kind] = tuple(Kind), *, limit: int = len(Kind) * MOST_OPEN
) -> list[Discrepancy]:
    """Give the open rows of these kinds, those first that were not looked at for longest."""
    return list(
        session.scalars(
            select(Discrepancy)
            .where(Discrepancy.resolved_at.is_(None), Discrepancy.kind.in_([*map(str, kinds)]))
            .order_by(Discrepancy.seen_at, Discrepancy.id)
            .limit(limit)
        )
    )


def count_open(session: Session) -> dict[str, int]:
    """Count the open rows by kind."""
    rows = session.execute(
        select(Discrepancy.kind, func.count())
        .where(Discrepancy.resolved_at.is_(None))
        .group_by(Discrepancy.kind)
    )
    return {str(kind): count for kind, count in rows}


def close_overflow(session: Session, *, at: datetime, actor: str) -> None:
    """Close the rows that say "more of a kind" where there is room for all again."""
    counts = Counter(count_open(session))
    for row in open_rows(session, [Kind.MORE_OF_A_KIND]):
        if counts[row.subject] < MOST_OPEN:
            resolve(session, row, GONE, at=at, actor=actor)


def _open(session: Session, kind: Kind, subject: str) -> Discrepancy | None:
    return session.scalar(
        select(Discrepancy).where(
            Discrepancy.resolved_at.is_(None),
            Discrepancy.kind == str(kind),
            Discrepancy.subject == subject,
        )
    )


def _is_too_many(session: Session, kind: Kind, *, at: datetime, actor: str) -> bool:
    if kind is Kind.MORE_OF_A_KIND or count_open(session).get(kind, 0) < MOST_OPEN:
        return False
    note(session, Found(Kind.MORE_OF_A_KIND, kind), at=at, actor=actor)
    return True


def _tell(session: Session, row: Discrepancy, event: Event, *, at: datetime, actor: str) -> None:
    details = {"subject": row.subject, "detail": row.detail}
    if row.resolution:
        details["resolution"] = row.resolution
    audit.append(
        session,
        at=at,
        event=event,
        entity="discrepancy",
        entity_id=row.id,
        study_instance_uid=row.study_instance_uid,
        reason=row.kind,
        actor=actor,
        details=details,
    )
