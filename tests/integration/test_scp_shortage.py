"""Without room or without its database the node takes nothing, and says: come again."""

from __future__ import annotations

import resource
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from node.db.session import Database
from node.store.quota import GIB
from tests.pdus import EXPLICIT, c_store_rq
from tests.peer import RawRequestor
from tests.receiving import MG, UID, encoded, running_scp, scp_settings
from tests.scp_server import ScpProcess
from tests.servers import running, wait_until

MIB = 1 << 20


def test_below_the_free_space_mark_every_image_is_a700_until_there_is_room(
    tmp_path: Path, database: Database
) -> None:
    full = scp_settings(tmp_path / "data", free_space_gib=1e9)
    with running_scp(full, database) as node, RawRequestor(node.address) as line:
        line.associate((MG, [EXPLICIT]))

        status, comment = line.store(encoded(), sop_class=MG, sop_instance=UID)

        assert status == 0xA700
        assert "later" in comment
        assert node.holds_nothing()
        assert node.refusal()["error"] == "OutOfResources"

    roomy = scp_settings(tmp_path / "data")
    with running_scp(roomy, database) as node, RawRequestor(node.address) as line:
        line.associate((MG, [EXPLICIT]))
        assert line.store(encoded(), sop_class=MG, sop_instance=UID)[0] == 0x0000


def test_data_sets_without_an_end_stop_at_the_mark_together(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file system was asked before the first byte of each, and never again."""
    settings = scp_settings(tmp_path / "data", free_space_gib=1.0)
    room, told = 24 * MIB, []

    def usage(folder: Path) -> SimpleNamespace:
        spooled = sum(part.stat().st_size for part in folder.glob("*.part"))
        told.append(room - spooled)
        return SimpleNamespace(free=GIB + room - spooled)

    with running_scp(settings, database) as node, ExitStack() as lines:
        monkeypatch.setattr("node.store.quota.shutil.disk_usage", usage)
        senders = [lines.enter_context(RawRequestor(node.address)) for _ in range(3)]
        for line in senders:
            line.associate((MG, [EXPLICIT]))
            line.send_pdv(1, c_store_rq(MG, UID), is_command=True)
        for _ in range(16):
            for line in senders:
                line.send_pdv(1, bytes(MIB - 64), is_command=False, last=False)
        for line in senders:
            line.send_pdv(1, b"", is_command=False)

        assert 0xA700 in [line.read_status()[0] for line in senders]
        # A megabyte of each may be in a buffer still when the file system is asked.
        assert min(told) > -len(senders) * MIB
        assert node.holds_nothing()


def test_without_a_database_the_sender_is_told_to_come_again(
    tmp_path: Path, sqlite_template: Path
) -> None:
    path = tmp_path / "mgnode.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    with (
        running_scp(scp_settings(tmp_path / "data"), database) as node,
        RawRequestor(node.address) as line,
    ):
        line.associate((MG, [EXPLICIT]))
        database.dispose()
        path.rename(tmp_path / "away.db")

        status, _ = line.store(encoded(), sop_class=MG, sop_instance=UID)

        assert status == 0xA700
        assert node.files("spool") == []

        (tmp_path / "away.db").rename(path)
        assert line.store(encoded(), sop_class=MG, sop_instance=UID)[0] == 0x0000
        assert len(node.files("instances")) == 1
    database.dispose()


def test_a_full_disk_amid_a_data_set_is_a700_and_leaves_nothing(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with (
        running_scp(scp_settings(tmp_path / "data"), database) as node,
        RawRequestor(node.address) as line,
    ):
        line.associate((MG, [EXPLICIT]))
        line.send_pdv(1, c_store_rq(MG, UID), is_command=True)
        data_set = encoded()
        line.send_data_set(data_set[:50_000], last=False)
        wait_until(lambda: bool(node.files("spool")), "the spool file is there")
        monkeypatch.setattr("node.store.spool.SpooledFile.write", full)
        line.send_data_set(data_set[50_000:])

        assert line.read_status()[0] == 0xA700
        assert node.holds_nothing()


def test_a_file_system_that_takes_no_more_is_a700_leaves_nothing_and_serves_again(
    tmp_path: Path, sqlite_template: Path
) -> None:
    """A limit of the process stands in for a full disk: an error amid a write, and a real one."""
    data_set = encoded(rows=1024, columns=1024)
    path = tmp_path / "mgnode.db"
    path.write_bytes(sqlite_template.read_bytes())
    url = f"sqlite:///{path}"
    with running(ScpProcess(tmp_path, url)) as server, RawRequestor(server.address) as line:
        assert server.process is not None
        most = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        line.associate((MG, [EXPLICIT]))
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (len(data_set) // 2, most[1]))
        assert line.store(data_set, sop_class=MG, sop_instance=UID)[0] == 0xA700
        assert [each for each in server.root.rglob("*") if is_data(each)] == []

        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, most)
        assert line.store(data_set, sop_class=MG, sop_instance=UID)[0] == 0x0000
        line.release()


def is_data(path: Path) -> bool:
    return path.is_file() and path.name != "lock"
