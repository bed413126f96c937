"""Removing files that were kept long enough, a few at a time.

The row says first that the file goes, with its audit line; then the file goes. Who dies in
between leaves a file that nobody needs, and the next process removes it. A file is unlinked
while no other process can write, and only if its row still says that it goes: the same bytes
may just have come again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from config.settings import Settings
from node.db import retention
from node.db.retention import Policy, StoredFile
from node.db.session import Database
from node.db.tables import Instance, Result
from node.store.paths import Layout

log = structlog.get_logger(__name__)

PASS_SECONDS: Final = 3600.0
"""Pause between two looks at every study."""


class Retention:
    """Walks over the studies again and again; ``step`` does a little of it."""

    def __init__(self, settings: Settings, database: Database, *, actor: str) -> None:
        self._settings = settings
        self._database = database
        self._layout = Layout(settings.storage.root)
        self._actor = actor
        self._after = 0
        self._leftovers: dict[type[Instance] | type[Result], int] = {Instance: 0, Result: 0}
        self._next_pass = -PASS_SECONDS

    def step(self, *, at: datetime) -> bool:
        """Remove a few files; False when there is nothing to do until the next pass.

        A file that cannot be removed is logged, and left to the next process.
        """
        if not self.policies and not self._settings.retention.quarantine_days:
            return False
        if time.monotonic() - self._next_pass < 0:
            return False
        try:
            is_going_on = self._step(at)
        except OSError as error:
            log.warning("file_not_removed", kind=type(error).__name__, reason=error.strerror)
            is_going_on = False
        if not is_going_on:
            self._after = 0
            self._next_pass = time.monotonic() + PASS_SECONDS
        return is_going_on

    @property
    def policies(self) -> list[Policy]:
        """What goes when; a kind that stays for ever has none."""
        unasked = frozenset(
            name for name, row in self._settings.destinations.items() if row.confirm == "none"
        )
        days = self._settings.retention
        kinds = ((Instance, days.images_days), (Result, days.results_days))
        return [Policy(kind, value, unasked) for kind, value in kinds if value]

    def due(self, *, at: datetime) -> Iterator[tuple[str, StoredFile]]:
        """Give every file that may go now, with the name of its table; nothing is removed."""
        for policy in self.policies:
            after = 0
            while True:
                with self._database.read() as session:
                    studies = retention.next_studies(session, after)
                    if not studies:
                        break
                    due = retention.due_files(session, policy, studies, at=at, limit=None)
                yield from ((policy.kind.__tablename__, each) for each in due)
                after = studies[-1]

    def due_in_quarantine(self, *, at: datetime) -> Iterator[tuple[Path, int, datetime]]:
        """Give quarantined data sets that may go now: path, bytes, and when they came."""
        days = self._settings.retention.quarantine_days
        if not days:
            return
        for path in sorted(self._layout.quarantine.glob("*.dcm")):
            came_at = _came_at(path)
            if came_at <= at - timedelta(days=days):
                yield path, path.stat().st_size, came_at

    def _step(self, at: datetime) -> bool:
        if self._remove_leftovers():
            return True
        with self._database.read() as session:
            studies = retention.next_studies(session, self._after)
        if not studies:
            self._empty_quarantine(at)
            return False
        removed = 0
        for policy in self.policies:
            with self._database.read() as session:
                due = retention.due_files(session, policy, studies, at=at)
            for each in due:
                removed += self._remove(policy, each, at)
        if not removed:
            self._after = studies[-1]
        return True

    def _remove(self, policy: Policy, file: StoredFile, at: datetime) -> int:
        with self._database.begin() as session:
            goes = retention.record_removed(session, policy, file.row_id, at=at, actor=self._actor)
        if goes:
            self._unlink(policy.kind, file)
            log.info(
                "file_removed",
                of=policy.kind.__tablename__,
                sop_instance_uid=file.sop_instance_uid,
                bytes=file.bytes,
            )
        return int(goes)

    def _unlink(self, kind: type[Instance] | type[Result], file: StoredFile) -> None:
        with self._database.begin() as session:
            if retention.is_removed(session, kind, file.row_id):
                self._layout.absolute(file.path).unlink(missing_ok=True)

    def _remove_leftovers(self) -> bool:
        """Look once at every row whose file went: a killed process may have left it."""
        for kind, after in self._leftovers.items():
            with self._database.read() as session:
                rows = retention.removed_files(session, kind, after=after)
            if rows:
                self._leftovers[kind] = rows[-1].row_id
                for row in rows:
                    if self._layout.absolute(row.path).exists():
                        self._unlink(kind, row)
                return True
        return False

    def _empty_quarantine(self, at: datetime) -> None:
        for path, size, came_at in self.due_in_quarantine(at=at):
            relative = str(path.relative_to(self._layout.root))
            with self._database.begin() as session:
                # Reconciliation moves an orphan here with its old time, and renews that before
                # anybody else writes.
                if _came_at(path) != came_at:
                    continue
                retention.record_quarantine_removed(
                    session, path=relative, size=size, came_at=came_at, at=at, actor=self._actor
                )
            path.unlink(missing_ok=True)
            log.info("quarantine_removed", path=relative, bytes=size)


def _came_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
