"""Checkpoints while eight processes write and sign, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

from config.settings import Settings
from node.db import audit
from node.db.audit_verification import verify_log
from node.db.checkpoint_rows import checkpoints_after
from node.db.events import Event
from node.db.session import Database
from node.dispatch.checkpoints import Signer
from node.dispatch.head_export import HeadExport
from node.store.audit_key import load_public_keys, make_key
from node.store.head_file import read_heads, size_of

PROCESSES = 8
APPENDS = 10
WAIT_SECONDS = 120
SPAWN = get_context("spawn")


def settings(folder: Path, url: str) -> Settings:
    return Settings.model_validate(
        {
            "storage": {"root": folder},
            "database": {"url": url},
            "audit": {
                "key": folder / "keys" / "audit.pem",
                "head_file": folder / "heads",
                "checkpoint_events": 3,
            },
        }
    )


def write_and_sign(folder: Path, url: str, start: Barrier) -> None:
    """Append events, and do after each what the dispatch loop does."""
    database = Database(url)
    ours = settings(folder, url)
    signer, export = Signer(ours, database, actor="test"), HeadExport(ours, database)
    for _ in range(APPENDS):
        start.wait(WAIT_SECONDS)
        with database.begin() as session:
            audit.append(session, at=datetime.now(UTC), event=Event.NODE_STARTED, actor="test")
        signer.step(at=datetime.now(UTC))
        export.step()
    database.dispose()


def test_eight_processes_that_write_and_sign_leave_a_whole_log(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    make_key(tmp_path / "keys" / "audit.pem")
    start = SPAWN.Barrier(PROCESSES)
    processes = [
        SPAWN.Process(target=write_and_sign, args=(tmp_path, database_url, start))
        for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(WAIT_SECONDS)

    assert [process.exitcode for process in processes] == [0] * PROCESSES
    heads = tmp_path / "heads"
    with database.snapshot() as session:
        found = verify_log(
            session,
            keys=load_public_keys([tmp_path / "keys"]),
            exported=partial(read_heads, heads, size=size_of(heads)),
        )
        signed = len(checkpoints_after(session))
    assert (found.problems, found.checked) == ((), PROCESSES * APPENDS + 1)
    assert found.checkpoints == signed > PROCESSES
    assert found.exported >= signed
