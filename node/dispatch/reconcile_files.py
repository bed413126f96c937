"""Rows against files and files against rows, slice by slice.

What looks wrong outside a transaction is looked at again under the write lock, where no
row changes: a file that was just received, reported or removed is no discrepancy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.reconciling import ReconcileSettings
from node.db.assurance import Discrepancy
from node.db.discrepancies import Found, Kind, note, open_rows, resolve
from node.db.session import Database
from node.db.tables import Analysis, Instance, Result, Study
from node.states import InstanceState
from node.store.comparing import (
    Look,
    StoredFile,
    has_digest,
    look,
    orphan_path,
    put_back,
    set_orphan_aside,
    stored_files,
)
from node.store.paths import Layout

Stored = Instance | Result

RESTORED: Final = "RESTORED"
QUARANTINED: Final = "QUARANTINED"
REMOVED: Final = "REMOVED"
WELL_AGAIN: Final = "WELL_AGAIN"

OF_FILES: Final = (
    Kind.FILE_MISSING,
    Kind.FILE_WRONG_SIZE,
    Kind.FILE_UNREADABLE,
    Kind.FILE_DAMAGED,
    Kind.FILE_WITHOUT_ROW,
    Kind.HALF_WRITTEN,
    Kind.ANALYSIS_MISSING,
)
"""Kinds that a pass over all rows and files finds; the subject is a path, or an image's UID."""

_KIND_OF: Final = {
    Look.MISSING: Kind.FILE_MISSING,
    Look.WRONG_SIZE: Kind.FILE_WRONG_SIZE,
    Look.UNREADABLE: Kind.FILE_UNREADABLE,
}


@dataclass
class FileComparison:
    """Compares the rows of images and results with their files; one for a process' life."""

    database: Database
    layout: Layout
    settings: ReconcileSettings
    actor: str
    _walk: Iterator[StoredFile] | None = field(default=None, init=False)

    def rows(self, kind: type[Stored], *, after: int, limit: int, at: datetime) -> int | None:
        """Compare the next rows with their files; give the last id, None at the end."""
        with self.database.read() as session:
            rows = session.execute(
                select(kind.id, kind.path, kind.bytes)
                .where(kind.id > after, kind.removed_at.is_(None))
                .order_by(kind.id)
                .limit(limit)
            ).all()
            unexplained = _without_analysis(session, [row.id for row in rows], kind)
        suspects = [
            row.id
            for row in rows
            if look(self.layout.absolute(row.path), row.bytes) is not Look.WELL
        ]
        for row_id in suspects:
            with self.database.begin() as session:
                self._note_row(session, _get(session, kind, row_id), at)
        for found in unexplained:
            with self.database.begin() as session:
                note(session, found, at=at, actor=self.actor)
        return rows[-1].id if rows else None

    def _note_row(self, session: Session, row: Stored, at: datetime) -> None:
        seen = look(self.layout.absolute(row.path), row.bytes)
        if row.removed_at is not None or seen is Look.WELL:
            return
        mended = ""
        aside = orphan_path(self.layout, row.path)
        if seen is Look.MISSING and look(aside, row.bytes) is Look.WELL:
            mended = RESTORED if put_back(self.layout, row.path) else ""
        note(session, _of_row(session, _KIND_OF[seen], row, mended), at=at, actor=self.actor)

    def checksum(self, kind: type[Stored], *, after: int, at: datetime) -> tuple[int, int] | None:
        """Read the next row's file to its end; give its id and bytes, None at the end."""
        with self.database.read() as session:
            query = select(kind.id).where(kind.id > after, kind.removed_at.is_(None))
            row_id = session.scalar(query.order_by(kind.id).limit(1))
            row = None if row_id is None else _get(session, kind, row_id)
        if row is None:
            return None
        if self._is_damaged(row):
            with self.database.begin() as session:
                now = _get(session, kind, row.id)
                if now.removed_at is None:
                    found = _of_row(session, Kind.FILE_DAMAGED, now, "")
                    note(session, found, at=at, actor=self.actor)
        return row.id, row.bytes

    def _is_damaged(self, row: Stored) -> bool:
        path = self.layout.absolute(row.path)
        if look(path, row.bytes) is not Look.WELL:
            return False  # a kind of its own
        try:
            return not has_digest(path, row.sha256, is_data_set=isinstance(row, Instance))
        except OSError:
            return False

    def files(self, *, limit: int, at: datetime) -> bool:
        """Compare the next files with the rows; False at the end of the walk."""
        if self._walk is None:
            self._walk = stored_files(self.layout)
        batch = list(islice(self._walk, limit))
        if not batch:
            self._walk = None
            return False
        old = [each for each in batch if each.age_hours() > self.settings.orphan_hours]
        with self.database.read() as session:
            named = _named(session, [each.path for each in old])
        for each in old:
            if each.path not in named:
                with self.database.begin() as session:
                    self._note_orphan(session, each, at)
        return True

    def _note_orphan(self, session: Session, file: StoredFile, at: datetime) -> None:
        if _named(session, [file.path]):
            return
        is_due = file.age_hours() > self.settings.orphan_days * 24
        mended = ""
        if file.is_half_written:
            self.layout.absolute(file.path).unlink(missing_ok=True)
            mended = REMOVED
        elif is_due and self.settings.orphans != "keep":
            aside = set_orphan_aside(self.layout, file)
            if aside is None:
                return
            mended = QUARANTINED
            if self.settings.orphans == "remove":
                aside.unlink()
                mended = REMOVED
        kind = Kind.HALF_WRITTEN if file.is_half_written else Kind.FILE_WITHOUT_ROW
        detail = f"{file.bytes} bytes, {file.age_hours():.0f} hours old"
        note(session, Found(kind, file.path, detail, mended=mended), at=at, actor=self.actor)

    def look_again(self, *, limit: int, at: datetime) -> None:
        """Look at open discrepancies of files again, those first that waited longest."""
        with self.database.read() as session:
            rows = open_rows(session, OF_FILES, limit=limit)
        for row in rows:
            is_there = self._is_there_still(Kind(row.kind), row.subject)
            with self.database.begin() as session:
                now = session.get_one(Discrepancy, row.id)
                if now.resolved_at is not None:
                    continue
                if is_there:
                    now.seen_at = at
                else:
                    resolve(session, now, WELL_AGAIN, at=at, actor=self.actor)

    def _is_there_still(self, kind: Kind, path: str) -> bool:
        if kind is Kind.ANALYSIS_MISSING:
            return self._is_without_analysis(path)
        file = self.layout.absolute(path)
        with self.database.read() as session:
            row = _row_of(session, path)
        if kind in (Kind.FILE_WITHOUT_ROW, Kind.HALF_WRITTEN):
            return row is None and file.exists()
        if row is None:
            return False
        if kind is Kind.FILE_DAMAGED:
            return look(file, row.bytes) is Look.WELL and self._is_damaged(row)
        return look(file, row.bytes) in _KIND_OF and _KIND_OF[look(file, row.bytes)] is kind

    def _is_without_analysis(self, uid: str) -> bool:
        with self.database.read() as session:
            ids = session.scalars(select(Instance.id).where(Instance.sop_instance_uid == uid)).all()
            return bool(_without_analysis(session, ids, Instance))


def _get(session: Session, kind: type[Stored], row_id: int) -> Stored:
    if kind is Instance:
        return session.get_one(Instance, row_id)
    return session.get_one(Result, row_id)


def _row_of(session: Session, path: str) -> Stored | None:
    image = session.scalar(
        select(Instance).where(Instance.path == path, Instance.removed_at.is_(None)).limit(1)
    )
    return image or session.scalar(
        select(Result).where(Result.path == path, Result.removed_at.is_(None)).limit(1)
    )


def _named(session: Session, paths: Sequence[str]) -> set[str]:
    """Give those of the paths that a row names."""
    if not paths:
        return set()
    found: set[str] = set()
    for kind in (Instance, Result):
        found.update(
            session.scalars(
                select(kind.path).where(kind.path.in_(paths), kind.removed_at.is_(None))
            )
        )
    return found


def _without_analysis(session: Session, ids: Sequence[int], kind: type[Stored]) -> list[Found]:
    """Find images that are ANALYSED and by nobody: their report would say nothing was found."""
    if kind is not Instance or not ids:
        return []
    rows = session.execute(
        select(Instance.sop_instance_uid, Study.study_instance_uid)
        .join(Instance.study)
        .where(
            Instance.id.in_(ids),
            Instance.state == InstanceState.ANALYSED,
            ~Instance.analyses.any(Analysis.id.is_not(None)),
        )
    ).all()
    return [
        Found(Kind.ANALYSIS_MISSING, uid, "`mgnode rerun` its study", study) for uid, study in rows
    ]


def _of_row(session: Session, kind: Kind, row: Stored, mended: str) -> Found:
    study = session.get_one(Study, row.study_id)
    table = type(row).__tablename__
    detail = f"{table} {row.sop_instance_uid}, {row.bytes} bytes"
    return Found(kind, row.path, detail, study.study_instance_uid, mended)
