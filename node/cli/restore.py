"""`mgnode restore`: put a backup back into an empty place, and hold the deliveries."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from config.settings import Settings
from node.cli.context import (
    ConfigOption,
    JsonOption,
    load,
    opened_database,
    operator,
    print_json,
    print_table,
)
from node.cli.tables import table
from node.clock import utc_now
from node.db import hold
from node.db.audit_row import Head, canonical_moment
from node.db.audit_verification import verify_log
from node.db.checkpoint_rows import newest
from node.db.dump import finish, require_unused
from node.db.dump import load as load_database
from node.db.restoring import Window, say_restored, window_to_send_again
from node.db.session import Database
from node.db.upgrade import upgrade
from node.dispatch.checkpoints import required_key
from node.errors import StopError
from node.store.audit_key import PublicKeys, load_public_keys
from node.store.backup_files import FILES, SUMS, copy_durably, digest, read_sums
from node.store.backup_manifest import Manifest, read_manifest
from node.store.head_file import append_heads, last_head
from node.store.paths import Layout
from node.store.signed_head import HeadKind, SignedHead

_TOLD: Final = 10


def restore(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of the backup; without it, --release is needed.")
    ] = None,
    config: ConfigOption = None,
    *,
    release: Annotated[
        bool, typer.Option("--release", help="Let deliveries go out again after a restore.")
    ] = False,
    by_hand: Annotated[
        bool,
        typer.Option(
            "--database-by-hand",
            help="The database was put back by pg_restore already; no process has run on it.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Restore a backup into an empty storage and database, and hold every delivery back.

    Files and audit log are verified. What the backup shows as not delivered may have been
    since: a destination that can be asked is asked first, any other waits for --release.
    """
    if (folder is None) != release:
        typer.echo("name the folder of a backup, or give --release", err=True)
        raise typer.Exit(2)
    if folder is None:
        _release(config)
        return
    settings = load(config)
    restoring = _Restore(settings, folder.absolute())
    restoring.check()
    restoring.put_files_back()
    window = restoring.put_database_back(by_hand=by_hand)
    if as_json:
        print_json({"files": restoring.manifest.files, **vars(window)})
        return
    typer.echo(f"{restoring.manifest.files} files and the database are restored and verified")
    typer.echo(
        f"Send again what modalities and PACS sent from {window.begins_at:%Y-%m-%d %H:%M:%S} UTC "
        "until the old node stopped"
        + (f" (it ran at {window.last_known_at} at least)" if window.last_known_at else "")
        + ": it is not in the backup. What comes twice does no harm."
    )
    rows = [[each[key] for key in each] for each in window.senders]
    print_table(table("Senders of the 90 days before", ["AE title", "address", "last at"], rows))
    typer.echo("Deliveries are held: see docs/operations.md, then `mgnode restore --release`")


def _release(config: Path | None) -> None:
    with opened_database(config) as database, database.begin() as session:
        released = hold.release(session, at=utc_now(), actor=operator("restore"))
    typer.echo("deliveries go out again" if released else "no delivery was held")


class _Restore:
    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._layout = Layout(settings.storage.root)
        self.manifest: Manifest = read_manifest(folder)

    def check(self) -> None:
        """Refuse a backup that was changed, and a place that is not empty."""
        trouble = self.manifest.trouble(self._keys())
        if trouble:
            raise StopError(f"the manifest {trouble}")
        root = self._layout.root
        if root.exists() and any(path.is_file() for path in root.rglob("*")):
            raise StopError(f"{root} is not empty: restore into a new storage.root")
        for name, expected in (
            (self.manifest.database, self.manifest.database_sha256),
            (SUMS, self.manifest.sums_sha256),
        ):
            path = self._folder / name
            if not path.is_file() or digest(path) != expected:
                raise StopError(f"{path} is missing or not what was backed up")
        # Found before anything is done: a head file that tells of lost events wants the key.
        if self._head_file_is_ahead():
            required_key(self._settings)

    def put_files_back(self) -> None:
        """Copy every file and compare it with its checksum; rows come after their files."""
        self._layout.create()
        damaged = []
        for sha256, relative in read_sums(self._folder / SUMS):
            source = self._folder / relative
            target = self._layout.absolute(str(Path(relative).relative_to(FILES)))
            if not source.is_file():
                damaged.append(relative)
                continue
            copy_durably(source, target)
            if digest(target) != sha256:
                target.unlink()
                damaged.append(relative)
        if damaged:
            more = f" and {len(damaged) - _TOLD} more" if len(damaged) > _TOLD else ""
            raise StopError(
                "the backup is damaged, the database was not restored: missing or changed are "
                f"{', '.join(damaged[:_TOLD])}{more}"
            )

    def put_database_back(self, *, by_hand: bool) -> Window:
        """Restore, hold and verify the database.

        On PostgreSQL it is in its place at once, and a process that somebody restarts may come
        up at any moment: it is held before anything that takes long.
        """
        url = self._settings.database_url
        place: Any = url if by_hand else load_database(url, self._folder / self.manifest.database)
        database = Database(place)
        try:
            if by_hand:
                # It may be the one of a node that runs, which nobody wants held.
                require_unused(database)
            upgrade(place)
            window, head, checkpoints = self._hold(database)
            require_unused(database)
            self._verify(database)
        finally:
            database.dispose()
        if not by_hand:
            finish(url)
        self._tell(head, checkpoints)
        return window

    def _verify(self, database: Database) -> None:
        head = Head(self.manifest.event, self.manifest.hash) if self.manifest.event else None
        keys = self._keys()
        with database.snapshot() as session:
            found = verify_log(session, keys=keys if len(keys) else None, noted=head)
        if found.problems:
            raise StopError(
                f"the audit log of the backup is not whole: {found.problem}; what was restored "
                "is held: nothing is sent from it before `mgnode restore --release`"
            )

    def _hold(self, database: Database) -> tuple[Window, Head, int]:
        """Hold every delivery back; give the window, the log's head, how often it was signed."""
        path = self._settings.audit.head_file
        told = last_head(path) if path is not None else None
        with database.begin() as session:
            window = window_to_send_again(session, told=told.at if told else "")
            kept = newest(session)
            head = say_restored(
                session,
                removed=self.manifest.removed,
                details={
                    "began_at": self.manifest.began_at,
                    "head": self.manifest.event,
                    "files": self.manifest.files,
                    "missing": len(self.manifest.missing),
                },
                confirm_within=timedelta(hours=self._settings.delivery.confirm_hours),
                at=utc_now(),
                actor=operator("restore"),
            )
        return window, head, kept.id if kept else 0

    def _tell(self, head: Head, checkpoints: int) -> None:
        """Tell the exported heads, if there are any, that those after the backup's are void."""
        path = self._settings.audit.head_file
        if path is None or not self._head_file_is_ahead():
            return
        said = SignedHead(
            HeadKind.RESTORE,
            number=checkpoints,
            event=head.id,
            hash=head.hash,
            at=canonical_moment(utc_now()),
            installation=self.manifest.installation,
        )
        append_heads(path, [said.signed(required_key(self._settings))])

    def _head_file_is_ahead(self) -> bool:
        path = self._settings.audit.head_file
        return path is not None and last_head(path) is not None

    def _keys(self) -> PublicKeys:
        paths = [path for path in self._settings.audit_public_keys if path.exists()]
        return load_public_keys(paths)
