"""Reconciliation: rows, files, broker and destinations are compared, all the time.

In a thread of its own, in small slices: a file system that hangs must not stop dispatch, and
ten million files must take neither its time nor its memory. Each discrepancy is told once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final

import structlog
from sqlalchemy import func, select

from config.settings import Settings
from node.clock import utc_now
from node.db.discrepancies import Found, Kind, close_overflow, count_open, note, settle
from node.db.session import UNAVAILABLE, Database
from node.db.tables import Instance, Result
from node.dispatch.broker import Publisher
from node.dispatch.reconcile_failures import OF_FAILURES, find_failed
from node.dispatch.reconcile_files import REMOVED, FileComparison, Stored
from node.dispatch.reconcile_queues import (
    OF_QUEUES,
    find_in_queues,
    has_claims_without_lease,
    mend_leases,
)
from node.errors import StateConflict, TransientFailure
from node.messages import ANALYSIS_QUEUE
from node.store.claim_sheet import remove_old
from node.store.paths import Layout
from node.store.spool import sweep_left

log = structlog.get_logger(__name__)

SLICE_SECONDS: Final = 1.0
QUEUES_EVERY_SECONDS: Final = 30.0
LOOK_AGAIN_EVERY_SECONDS: Final = 60.0
LOOK_AGAIN_AT: Final = 50
"""Open discrepancies of files that are looked at again at one time."""

SHEETS_SECONDS: Final = 86400.0
"""So long the claim sheets of workers are kept that nobody took over."""

MIB: Final = 1 << 20
KINDS: Final[tuple[type[Stored], ...]] = (Instance, Result)
BROKER: Final = "broker"


class Reconciler:
    """Compares, again and again, until it is told to stop; one for each dispatch process."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        publisher: Publisher,
        *,
        actor: str = "dispatch",
        clock: Callable[[], datetime] = utc_now,
        random: Random | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._publisher = publisher
        self._actor = actor
        self._clock = clock
        self._random = random or Random()  # noqa: S311 - where to begin, no secret
        self._layout = Layout(settings.storage.root)
        self._files = FileComparison(database, self._layout, settings.reconcile, actor)
        self._passing: list[tuple[type[Stored], int]] = []
        self._walks = False
        self._due: dict[str, float] = {}
        self._reading: tuple[type[Stored], int] | None = None
        self._credit = 0.0
        self._broker_away: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        """Compare until ``stop`` is set; trouble is logged, and the next slice meets it again."""
        while not stop.is_set():
            try:
                self.slice()
            except (StateConflict, *UNAVAILABLE) as error:
                log.warning("reconciliation_cut_short", kind=type(error).__name__)
            except OSError as error:
                # Its text names a file of the storage, which is no secret; the class says enough.
                log.warning("storage_trouble", kind=type(error).__name__, code=error.errno)
            stop.wait(SLICE_SECONDS)

    def slice(self) -> None:
        """Do what is due now, and no more than a second allows."""
        if self._is_due("queues", QUEUES_EVERY_SECONDS):
            self.compare_queues()
        if not self._has_storage():
            return
        if self._is_due("again", LOOK_AGAIN_EVERY_SECONDS):
            self._files.look_again(limit=LOOK_AGAIN_AT, at=self._clock())
        is_idle = not self._passing and not self._walks
        if is_idle and self._is_due("pass", 60 * self._settings.reconcile.pass_minutes):
            self._begin_pass()
        self._compare(self._settings.reconcile.items_per_second)
        self._read()

    def whole_pass(self) -> dict[str, int]:
        """Compare everything once, but for checksums; give the open discrepancies by kind."""
        self.compare_queues()
        if self._has_storage():
            self._files.look_again(limit=1_000_000, at=self._clock())
            self._begin_pass()
            while self._passing or self._walks:
                self._compare(self._settings.reconcile.items_per_second)
        with self._database.read() as session:
            return count_open(session)

    def compare_queues(self) -> None:
        """Compare the rows with the broker, the destinations and the clock."""
        now = self._clock()
        with self._database.read() as session:
            found = find_in_queues(session, self._settings, at=now)
            found += find_failed(session, self._settings)
            is_to_mend = has_claims_without_lease(session)
        found += self._of_broker(now)
        with self._database.begin() as session:
            kinds = (*OF_QUEUES, *OF_FAILURES, Kind.BROKER_AWAY)
            new = settle(session, kinds, found, at=now, actor=self._actor)
            if is_to_mend:
                for mended in mend_leases(session, at=now):
                    note(session, mended, at=now, actor=self._actor)
                    new.append(mended)
            close_overflow(session, at=now, actor=self._actor)
        _tell(new)

    def _of_broker(self, now: datetime) -> list[Found]:
        try:
            self._publisher.backlog(ANALYSIS_QUEUE)
        except TransientFailure:
            self._broker_away = self._broker_away or now
        else:
            self._broker_away = None
        limit = timedelta(seconds=3 * self._settings.dispatch.republish_seconds)
        if self._broker_away is None or now - self._broker_away < limit:
            return []
        return [Found(Kind.BROKER_AWAY, BROKER, f"since {self._broker_away:%Y-%m-%d %H:%M}Z")]

    def _has_storage(self) -> bool:
        folders = (self._layout.instances, self._layout.results, self._layout.quarantine)
        missing = [
            Found(Kind.STORAGE_AWAY, folder.name) for folder in folders if not folder.is_dir()
        ]
        with self._database.read() as session:
            known = count_open(session).get(Kind.STORAGE_AWAY, 0)
        if missing or known:
            with self._database.begin() as session:
                now = self._clock()
                _tell(settle(session, [Kind.STORAGE_AWAY], missing, at=now, actor=self._actor))
        return not missing

    def _begin_pass(self) -> None:
        now = self._clock()
        self._passing = [(kind, 0) for kind in KINDS]
        self._walks = True
        hours = self._settings.reconcile.orphan_hours
        swept = sweep_left(self._layout.spool, older_than=hours * 3600)
        found = [
            Found(Kind.HALF_WRITTEN, f"spool/{name}", f"{count} files", mended=REMOVED)
            for name, count in swept.items()
        ]
        remove_old(self._layout.run, older_than=SHEETS_SECONDS)
        waiting = self._in_quarantine()
        with self._database.begin() as session:
            for each in found:
                note(session, each, at=now, actor=self._actor)
            new = settle(session, [Kind.QUARANTINE_WAITS], waiting, at=now, actor=self._actor)
        _tell([*found, *new])

    def _in_quarantine(self) -> list[Found]:
        limit = time.time() - 86400 * self._settings.alarms.quarantine_days
        # Not st_ctime: a backup that links the files renews it.
        old = sum(path.stat().st_mtime < limit for path in self._layout.quarantine.iterdir())
        return [Found(Kind.QUARANTINE_WAITS, "quarantine", f"{old} files")] if old else []

    def _compare(self, limit: int) -> None:
        now = self._clock()
        if self._passing:
            kind, after = self._passing[0]
            last = self._files.rows(kind, after=after, limit=limit, at=now)
            if last is None:
                self._passing.pop(0)
            else:
                self._passing[0] = (kind, last)
        elif self._walks:
            self._walks = self._files.files(limit=limit, at=now)

    def _read(self) -> None:
        """Check checksums for as long as what may be read lasts."""
        allowed = self._settings.reconcile.checksum_mib_per_minute * MIB
        # A file that is larger than a second's share is paid for by the seconds after it.
        self._credit = min(self._credit + allowed * SLICE_SECONDS / 60, allowed)
        while self._credit > 0:
            kind, after = self._reading or self._anywhere()
            done = self._files.checksum(kind, after=after, at=self._clock())
            if done is None:
                other = KINDS[(KINDS.index(kind) + 1) % len(KINDS)]
                self._reading = (other, 0)
                return
            self._reading = (kind, done[0])
            self._credit -= done[1]

    def _anywhere(self) -> tuple[type[Stored], int]:
        """Begin anywhere: a process that is started often would else check the first ones only."""
        with self._database.read() as session:
            last = session.scalar(select(func.max(Instance.id))) or 0
        return Instance, self._random.randint(0, last)

    def _is_due(self, name: str, every: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(name, now):
            return False
        self._due[name] = now + every
        return True


def _tell(new: Sequence[Found]) -> None:
    for found in new:
        log.warning(
            "discrepancy_found",
            kind=found.kind,
            subject=found.subject,
            detail=found.detail,
            mended=found.mended,
        )
