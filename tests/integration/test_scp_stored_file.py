"""Success means that the file is there and whole, whatever became of it on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from config.reconciling import ReconcileSettings
from node.db.session import Database
from node.dispatch.reconcile_files import FileComparison
from node.store.comparing import StoredFile, stored_files
from tests.part10_files import data_set_digest
from tests.pdus import EXPLICIT
from tests.peer import RawRequestor
from tests.receiving import MG, UID, RunningScp, encoded, running_scp, scp_settings
from tests.reconciling import grow_old
from tests.rows import NOON
from tests.servers import wait_until

Send = Callable[[], Future[tuple[int, str]]]


@pytest.fixture
def node(tmp_path: Path, database: Database) -> Iterator[RunningScp]:
    with running_scp(scp_settings(tmp_path / "data"), database) as running:
        yield running


@pytest.fixture
def send(node: RunningScp) -> Iterator[Send]:
    """A sender on an open association; each call sends the one image."""
    with RawRequestor(node.address) as line, ThreadPoolExecutor(1) as sender:
        line.associate((MG, [EXPLICIT]))
        data_set = encoded()
        yield lambda: sender.submit(line.store, data_set, sop_class=MG, sop_instance=UID)


def a_stored_file_without_row(node: RunningScp, sent: Future[tuple[int, str]]) -> StoredFile:
    """Wait until the SCP has put its file into the store; nobody may write rows meanwhile."""

    def is_stored() -> bool:
        return bool(node.files("instances")) and not node.files("spool")

    wait_until(is_stored, "a stored file")
    assert not sent.done()
    return next(stored_files(node.layout))


def orphan_of(node: RunningScp, send: Send) -> Path:
    """Let an image leave its file and no row, as when the commit is lost."""
    with node.database.begin():
        lost = send()
        path = node.layout.absolute(a_stored_file_without_row(node, lost).path)
        kept = path.rename(path.with_suffix(".kept"))
    assert lost.result()[0] == 0xA700
    return kept.rename(path)


def test_a_new_image_whose_file_went_before_its_row_is_refused_and_may_come_again(
    node: RunningScp, send: Send
) -> None:
    with node.database.begin():
        first = send()
        file = a_stored_file_without_row(node, first)
        node.layout.absolute(file.path).unlink()

    assert first.result()[0] == 0xA700
    assert node.instances() == []
    assert send().result()[0] == 0x0000
    assert [row.path for row in node.instances()] == [file.path]
    assert node.layout.absolute(file.path).exists()


@pytest.mark.parametrize("orphans", ["quarantine", "remove"])
def test_an_orphan_that_comes_again_after_its_age_was_judged_stays(
    node: RunningScp, send: Send, orphans: str
) -> None:
    """A pass walks over the files a while before it may write."""
    settings = ReconcileSettings.model_validate({"orphans": orphans})
    comparison = FileComparison(node.database, node.layout, settings, "dispatch")
    path = orphan_of(node, send)
    grow_old(path, 8)
    (judged,) = stored_files(node.layout)

    with node.database.begin() as session:
        again = send()
        wait_until(lambda: path.stat().st_mtime != judged.changed, "the image again")
        comparison._note_orphan(session, judged, NOON)

    assert again.result()[0] == 0x0000
    assert path.exists()
    assert node.files("quarantine") == []


def test_an_image_that_comes_again_replaces_its_damaged_file(node: RunningScp, send: Send) -> None:
    assert send().result()[0] == 0x0000
    (row,) = node.instances()
    path = node.layout.absolute(row.path)
    path.write_bytes(b"what a bad disk left")

    assert send().result()[0] == 0x0000

    assert path.stat().st_size == row.bytes
    assert data_set_digest(path) == row.sha256
    assert len(node.audited("instance_duplicate")) == 1


def test_a_damaged_leftover_without_a_row_is_no_stored_image(node: RunningScp, send: Send) -> None:
    path = orphan_of(node, send)
    path.write_bytes(b"")

    assert send().result()[0] == 0x0000

    (row,) = node.instances()
    assert path == node.layout.absolute(row.path)
    assert data_set_digest(path) == row.sha256
