"""`mgnode backup`: the database, the files and the public keys, beside a running node."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final, TextIO

import structlog
import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import Settings
from node.cli.context import (
    ConfigOption,
    JsonOption,
    load,
    opened_database,
    operator,
    print_json,
)
from node.clock import utc_now
from node.db import audit, schema
from node.db.audit_row import canonical_moment, last_row
from node.db.checkpoint_rows import newest
from node.db.dump import copy_of, dump
from node.db.events import Event
from node.db.installation import uid_namespace
from node.db.session import Database
from node.db.tables import Instance, Result
from node.errors import StopError
from node.store.audit_key import load_key, public_file
from node.store.backup_files import FILES, SUMS, digest, put_aside
from node.store.backup_manifest import NAME, Manifest
from node.store.files import write_durably
from node.store.folders import make_folder, sync_file
from node.store.paths import Layout

log = structlog.get_logger(__name__)

_ROWS_AT_ONCE: Final = 500


def backup(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder for the backup.")],
    config: ConfigOption = None,
    *,
    copy: Annotated[
        bool,
        typer.Option("--copy", help="Copy every file, also where a hard link could be made."),
    ] = False,
    by_hand: Annotated[
        bool,
        typer.Option(
            "--database-by-hand",
            help="The folder holds mgnode.dump, which pg_dump made just before, and nothing else.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Back the node up, which may go on running; exit status 1 when files are missing.

    The database first, then the files that its rows name: what is received meanwhile does
    no harm. The private audit key is not in a backup.
    """
    settings = load(config)
    folder = folder.absolute()
    with opened_database(config) as database:
        _require_room_for(folder, copy_of(settings.database_url) if by_hand else "")
        manifest = _Backup(settings, database, folder, copy=copy).take(by_hand=by_hand)
    if as_json:
        print_json({**vars(manifest)})
    else:
        typer.echo(f"{manifest.files} files, {manifest.total_bytes} bytes in {folder}")
        if manifest.event:
            typer.echo(f"head {manifest.event}:{manifest.hash}")
        for path in manifest.missing:
            typer.echo(f"missing or damaged: {path}", err=True)
    if manifest.missing:
        raise typer.Exit(1)


class _Backup:
    def __init__(self, settings: Settings, database: Database, folder: Path, *, copy: bool) -> None:
        self._settings = settings
        self._database = database
        self._layout = Layout(settings.storage.root)
        self._folder = folder
        self._copy = copy
        self._files = self._bytes = 0
        self._removed: list[str] = []
        self._missing: list[str] = []

    def take(self, *, by_hand: bool) -> Manifest:
        began_at = utc_now()
        url = self._settings.database_url
        target = self._folder / copy_of(url)
        with self._database.snapshot() as session:
            if by_hand:
                self._take_files(session)
                facts = self._facts(session) | {"event": 0, "hash": ""}
            else:
                copied = dump(url, session, target)
                facts = self._take_rows(copied, session, target)
        manifest = Manifest(
            mgnode=version("mgnode"),
            began_at=canonical_moment(began_at),
            database=target.name,
            database_sha256=digest(target),
            sums_sha256=digest(self._folder / SUMS),
            files=self._files,
            total_bytes=self._bytes,
            removed=tuple(self._removed),
            missing=tuple(self._missing),
            **facts,
        )
        key = load_key(self._settings.audit_key_file) if self._settings.signs_audit else None
        if key is not None:
            name = public_file(self._settings.audit_key_file, key.key_id).name
            write_durably(self._folder / name, key.public_pem())
            manifest = manifest.signed(key)
        manifest.write(self._folder)
        with self._database.begin() as session:
            audit.append(
                session,
                at=utc_now(),
                event=Event.BACKUP_TAKEN,
                entity="process",
                actor=operator("backup"),
                details={
                    "head": manifest.event,
                    "files": self._files,
                    "bytes": self._bytes,
                    "missing": len(self._missing),
                    "manifest_sha256": digest(self._folder / NAME),
                },
            )
        return manifest

    def _take_rows(self, copied: Database, session: Session, target: Path) -> dict[str, Any]:
        """Take what the copy names: on SQLite it is read itself, on PostgreSQL its snapshot."""
        if session.get_bind().dialect.name != "sqlite":
            copied.dispose()
            self._take_files(session)
            return self._facts(session)
        try:
            with copied.read() as rows:
                self._take_files(rows)
                facts = self._facts(rows)
        finally:
            copied.dispose()
            _forget_wal(target)
        return facts

    @staticmethod
    def _facts(session: Session) -> dict[str, Any]:
        head, checkpoint = last_row(session), newest(session)
        return {
            "revision": schema.current(session.connection()) or "",
            "installation": str(uid_namespace(session)),
            "event": head.id if head else 0,
            "hash": head.hash if head else "",
            "checkpoint": checkpoint.id if checkpoint else 0,
        }

    def _take_files(self, session: Session) -> None:
        sums = self._folder / SUMS
        with sums.open("w", encoding="utf-8", newline="\n") as lines:
            sums.chmod(0o600)
            for kind in (Instance, Result):
                for row_id, path, size in _named(session, kind):
                    if not self._take(path, size, lines):
                        self._say_missing(kind, row_id, path)
            for folder in (self._layout.quarantine, self._layout.models):
                for file in sorted(each for each in folder.rglob("*") if each.is_file()):
                    self._take(str(file.relative_to(self._layout.root)), None, lines)
        sync_file(sums)

    def _take(self, relative: str, size: int | None, lines: TextIO) -> bool:
        source = self._layout.absolute(relative)
        target = self._folder / FILES / relative
        try:
            found = source.stat().st_size
            if size is not None and found != size:
                return False
            put_aside(source, target, copy=self._copy)
            lines.write(f"{digest(target)}  {FILES}/{relative}\n")
        except FileNotFoundError:
            return False
        self._files += 1
        self._bytes += found
        return True

    def _say_missing(self, kind: type[Instance] | type[Result], row_id: int, path: str) -> None:
        """Tell a file that is lost from one that the retention policy has just removed."""
        with self._database.read() as session:
            removed = session.scalar(select(kind.removed_at).where(kind.id == row_id))
        (self._missing if removed is None else self._removed).append(path)


def _named(session: Session, kind: type[Instance] | type[Result]) -> Iterator[tuple[int, str, int]]:
    rows = select(kind.id, kind.path, kind.bytes).where(kind.removed_at.is_(None)).order_by(kind.id)
    with session.execute(rows, execution_options={"yield_per": _ROWS_AT_ONCE}) as found:
        yield from map(tuple, found)


def _require_room_for(folder: Path, expected: str) -> None:
    """Make the folder; refuse one that has anything but what is expected in it."""
    make_folder(folder)
    folder.chmod(0o700)
    names = {path.name for path in folder.iterdir()}
    if expected and expected not in names:
        raise StopError(f"there is no {folder / expected}: make it by pg_dump first")
    if names - {expected}:
        raise StopError(f"{folder} is not empty: each backup wants a folder of its own")


def _forget_wal(target: Path) -> None:
    """Remove what reading the copy left beside it: the copy alone is the backup."""
    for ending in ("-wal", "-shm"):
        target.with_name(target.name + ending).unlink(missing_ok=True)
