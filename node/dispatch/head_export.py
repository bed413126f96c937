"""Telling the head of the audit log to somebody outside the database: a file, a syslog.

A thread of its own does it, because a file server or a syslog receiver that hangs must not
hold up the images. What could not be told stays due: the checkpoint is in its row.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.orm import Session

from config.settings import Settings
from node.clock import utc_now
from node.db.checkpoint_rows import checkpoints_after, newest
from node.db.checkpoints import is_due
from node.db.session import UNAVAILABLE, Database
from node.dispatch import syslog
from node.dispatch.checkpoints import required_key
from node.errors import NodeError, StopError
from node.store.files import write_durably
from node.store.head_file import append_heads, last_head
from node.store.paths import Layout
from node.store.signed_head import HeadKind, SignedHead

log = structlog.get_logger(__name__)

EXPORT_SECONDS: Final = 5.0
LATE: Final = timedelta(minutes=1)
"""A checkpoint that is older than this and was not told is trouble."""

_AT_ONCE: Final = 500


class HeadNotInLog(NodeError):
    """The file has a head that the database has not: rows were taken away, or restored."""


class HeadExport:
    """Exports each checkpoint to where the settings say."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database

    def run(self, stop: threading.Event) -> None:
        """Export until ``stop`` is set; trouble is logged, and met by the next turn."""
        while not stop.is_set():
            try:
                self.step()
            except (OSError, HeadNotInLog, *UNAVAILABLE) as error:
                text = str(error) if isinstance(error, OSError | HeadNotInLog) else ""
                log.error("audit_head_not_exported", kind=type(error).__name__, reason=text)  # noqa: TRY400 - the place says nothing
            stop.wait(EXPORT_SECONDS)

    def step(self) -> int:
        """Export what is due to each place; give how many heads went out.

        Raises
        ------
        OSError, HeadNotInLog
            The first trouble, after every place was tried.
        """
        exported, troubles = 0, []
        for export in (self._to_file, self._to_syslog):
            try:
                exported += export()
            except (OSError, HeadNotInLog) as error:
                troubles.append(error)
        if troubles:
            raise troubles[0]
        return exported

    def _to_file(self) -> int:
        path = self._settings.audit.head_file
        if path is None:
            return 0
        with self._database.read() as session:
            due = _after_file(session, path)
        if due:
            append_heads(path, due)
        return len(due)

    def _to_syslog(self) -> int:
        target = self._settings.audit.syslog
        if not target:
            return 0
        position = position_file(self._settings)
        with self._database.read() as session:
            due = _after_syslog(session, _sent(position))
        for head in due:
            syslog.send(target, head.line(), at=utc_now())
            write_durably(position, str(head.number).encode())
        return len(due)


def position_file(settings: Settings) -> Path:
    """Name the file that keeps the number of the last checkpoint that syslog was sent."""
    return Layout(settings.storage.root).run / "audit-syslog.sent"


def audit_trouble(settings: Settings, session: Session, *, at: datetime) -> str:
    """Say what keeps the head of the log from being signed and told; empty when nothing does."""
    last = newest(session)
    if last is None and not settings.signs_audit:
        return ""
    try:
        required_key(settings)
    except StopError as error:
        return str(error)
    audit = settings.audit
    late = 2 * timedelta(minutes=audit.checkpoint_minutes) + LATE
    if is_due(session, events=3 * audit.checkpoint_events, every=late, at=at):
        return "the head of the log was not signed for too long: does dispatch run?"
    if last is None or at - last.at < LATE:
        return ""
    try:
        if audit.head_file is not None and _after_file(session, audit.head_file):
            return f"the head of the log was not appended to {audit.head_file} for too long"
    except HeadNotInLog as error:
        return str(error)
    except OSError as error:
        return f"audit.head_file {audit.head_file} cannot be read: {error.strerror}"
    if audit.syslog and _after_syslog(session, _sent(position_file(settings))):
        return f"the head of the log was not sent to {audit.syslog} for too long"
    return ""


def _after_file(session: Session, path: Path) -> list[SignedHead]:
    """Give the next checkpoints that the file has not yet."""
    last = last_head(path)
    if last is None:
        return list(checkpoints_after(session, limit=_AT_ONCE))
    if last.kind is HeadKind.CHECKPOINT:
        known = checkpoints_after(session, last.number - 1, limit=1)
        if not known or known[0] != last:
            raise HeadNotInLog(
                f"{path} has checkpoint {last.number} of event {last.event}, and the database has "
                "not: the log was cut off or changed (`mgnode audit verify`), or restored without "
                "`mgnode restore`"
            )
    return list(checkpoints_after(session, last.number, limit=_AT_ONCE))


def _after_syslog(session: Session, sent: int | None) -> list[SignedHead]:
    """Give the checkpoints after those that were sent; the newest alone where none is known."""
    last = newest(session)
    if last is None:
        return []
    if sent is None or sent > last.id:
        sent = last.id - 1
    return list(checkpoints_after(session, sent, limit=_AT_ONCE))


def _sent(position: Path) -> int | None:
    try:
        return int(position.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
