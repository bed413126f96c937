"""An audit log with checkpoints, its keys, what was exported of it, and hands that forge it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import create_engine, text

from node.db.audit_row import StoredRow, stored_hash, stored_rows
from node.db.audit_verification import Verification, verify_log
from node.db.checkpoint_rows import every_checkpoint
from node.db.checkpoints import append_checkpoint
from node.db.session import Database
from node.store.audit_key import PublicKeys, SigningKey, load_public_keys, make_key
from node.store.head_file import append_heads, read_heads, size_of
from tests.audit_log import run_as_owner, write
from tests.table_rows import NOON


class CheckpointedLog:
    """A log below ``folder`` with one key; ``grow`` appends events and a checkpoint on top."""

    def __init__(self, database: Database, url: str, folder: Path) -> None:
        self.database = database
        self.url = url
        self.key_file = folder / "keys" / "audit.pem"
        self.heads = folder / "heads"
        self.key: SigningKey = make_key(self.key_file)
        self.minutes = 0

    def grow(self, count: int) -> int:
        """Append ``count`` events, sign and export the head; give the signed event's id."""
        write(self.database, count)
        self.minutes += 1
        with self.database.begin() as session:
            at = NOON + timedelta(minutes=self.minutes)
            row = append_checkpoint(session, self.key, at=at, actor="test")
        with self.database.read() as session:
            append_heads(self.heads, [h for h in every_checkpoint(session) if h.number == row.id])
        return row.event_id

    @property
    def keys(self) -> PublicKeys:
        return load_public_keys([self.key_file.parent])

    def verify(self, *, exported: bool = False) -> Verification:
        heads = partial(read_heads, self.heads, size=size_of(self.heads))
        given = {"exported": heads} if exported else {}
        with self.database.snapshot() as session:
            return verify_log(session, keys=self.keys, **given)

    def forge(self, *statements: str, **values: object) -> None:
        """Do what the owner of the database can."""
        run_as_owner(self.url, *statements, **values)

    def compute_anew(self, first: int) -> None:
        """Give every row from ``first`` on the link and the hash that its content has now."""
        with self.database.read() as session:
            rows = list(stored_rows(session))
        before = next((row.hash for row in reversed(rows) if row.id < first), "0" * 64)
        changes = list(_anew((row for row in rows if row.id >= first), before))
        engine = create_engine(self.url)
        with engine.begin() as connection:
            for row_id, previous_hash, own in changes:
                connection.execute(
                    text("UPDATE audit_event SET previous_hash = :p, hash = :h WHERE id = :i"),
                    {"p": f"new {previous_hash}"[:64], "h": f"new {own}"[:64], "i": row_id},
                )
            for row_id, previous_hash, own in changes:
                connection.execute(
                    text("UPDATE audit_event SET previous_hash = :p, hash = :h WHERE id = :i"),
                    {"p": previous_hash, "h": own, "i": row_id},
                )
        engine.dispose()


def _anew(rows: Iterable[StoredRow], before: str) -> Iterable[tuple[int, str, str]]:
    for row in rows:
        own = stored_hash(row, previous_hash=before)
        assert own is not None
        yield row.id, before, own
        before = own


def without_checkpoint_triggers(url: str) -> list[str]:
    """Give the statements that take the triggers from the checkpoints."""
    if url.startswith("sqlite"):
        names = ["keeps_rows_on_update", "keeps_rows_on_delete"]
        return [f"DROP TRIGGER audit_checkpoint_{name}" for name in names]
    names = ["keeps_rows", "keeps_rows_on_truncate"]
    return [f"DROP TRIGGER audit_checkpoint_{name} ON audit_checkpoint" for name in names]
