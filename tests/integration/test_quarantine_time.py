"""What lies in quarantine counts its days from when it came there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy.orm import Session

from node.clock import utc_now
from node.db.session import Database
from node.dispatch.retention import Retention
from node.store.backup_files import put_aside
from tests.reconciling import compare, grow_old, orphan
from tests.working_node import WorkingNode, working_node

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

DAYS = 7


class WatchedDatabase(Database):
    """Says when somebody has asked to write."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked = Event()

    @contextmanager
    def begin(self) -> Iterator[Session]:
        self.asked.set()
        with super().begin() as session:
            yield session


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    return working_node(tmp_path / "storage", database, retention={"quarantine_days": DAYS})


def clean(node: WorkingNode, *, at: datetime, database: Database | None = None) -> None:
    """Let a dispatch process that has just started remove all that is due."""
    retention = Retention(node.runtime.settings, database or node.database, actor="dispatch")
    while retention.step(at=at):
        pass


def aside(node: WorkingNode, path: Path) -> Path:
    return node.layout.quarantine / f"orphan-{path.name}"


def test_an_orphan_that_is_older_than_the_quarantine_keeps_things_stays_as_long_as_others(
    node: WorkingNode,
) -> None:
    path = orphan(node, days=30)

    compare(node)
    clean(node, at=utc_now() + timedelta(days=DAYS - 1))
    assert aside(node, path).exists()
    clean(node, at=utc_now() + timedelta(days=DAYS))

    assert not aside(node, path).exists()
    assert len(node.events("quarantine_removed")) == 1


def test_an_orphan_that_is_just_being_set_aside_is_not_removed(
    node: WorkingNode, database_url: str
) -> None:
    """It comes with its old time, which is renewed before anybody else writes."""
    path = orphan(node, days=30)
    watched = WatchedDatabase(database_url)

    with ThreadPoolExecutor(1) as dispatch, node.database.begin():
        path.rename(aside(node, path))
        cleaned = dispatch.submit(clean, node, at=utc_now(), database=watched)
        assert watched.asked.wait(20), "retention did not find the file"
        os.utime(aside(node, path))
    cleaned.result()
    watched.dispose()

    assert aside(node, path).exists()
    assert node.events("quarantine_removed") == []


def test_a_file_waits_in_quarantine_since_it_came_whatever_backups_were_made(
    node: WorkingNode, tmp_path: Path
) -> None:
    (node.layout.quarantine / "young.dcm").write_bytes(b"refused")
    waiting = node.layout.quarantine / "old.dcm"
    waiting.write_bytes(b"refused")
    grow_old(waiting, 30)
    put_aside(waiting, tmp_path / "backup" / "old.dcm", copy=False)

    assert compare(node) == {"QUARANTINE_WAITS": 1}
    waiting.unlink()
    assert compare(node) == {}
