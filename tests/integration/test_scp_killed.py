"""kill -9 of the SCP amid an image: no success, nothing half-written, swept at the restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.db.session import Database
from node.dicom.part10 import encode
from node.errors import StopError
from node.scp.server import StorageScp
from node.store.paths import Layout
from tests.factories import make_mammogram, stable_uid
from tests.pdus import ABORT, EXPLICIT, c_store_rq
from tests.peer import RawRequestor
from tests.receiving import RunningScp, running_scp, scp_settings
from tests.scp_server import ScpProcess
from tests.servers import wait_until

MG = "1.2.840.10008.5.1.4.1.1.1.2"
UID = stable_uid("image")


@pytest.fixture
def process(tmp_path: Path, database_url: str) -> Iterator[ScpProcess]:
    server = ScpProcess(tmp_path, database_url)
    server.start()
    yield server
    server.stop()


def test_a_kill_amid_an_image_leaves_no_trace_of_it_after_the_restart(
    process: ScpProcess, database: Database
) -> None:
    data_set = encode(make_mammogram(sop_instance_uid=UID))
    spool = Layout(process.root).spool
    with RawRequestor(process.address) as line:
        line.associate((MG, [EXPLICIT]))
        line.send_pdv(1, c_store_rq(MG, UID), is_command=True)
        line.send_data_set(data_set[:-16000], last=False)
        wait_until(lambda: bool(list(spool.rglob("*.part"))), "the spool file is there")

        process.kill()

        with pytest.raises((EOFError, ConnectionResetError)):
            line.read()
    assert list(Layout(process.root).instances.rglob("*.dcm")) == []

    process.start()

    node = seen(process, database)
    assert node.files("spool") == []
    assert node.instances() == []
    assert node.audited("spool_swept")[0].details == {"files": 1}
    # The association that died with the process no longer holds its study open.
    assert "orphaned" in node.outcomes()
    with RawRequestor(process.address) as line:
        line.associate((MG, [EXPLICIT]))
        assert line.store(data_set, sop_class=MG, sop_instance=UID)[0] == 0x0000
    assert len(node.instances()) == 1


def test_what_was_answered_success_is_there_after_a_kill(
    process: ScpProcess, database: Database
) -> None:
    data_set = encode(make_mammogram(sop_instance_uid=UID))
    with RawRequestor(process.address) as line:
        line.associate((MG, [EXPLICIT]))
        assert line.store(data_set, sop_class=MG, sop_instance=UID)[0] == 0x0000
        process.kill()

    (row,) = seen(process, database).instances()
    assert (process.root / row.path).read_bytes().endswith(data_set)


def test_a_stop_on_request_ends_the_associations_and_exits_at_once(
    process: ScpProcess, database: Database
) -> None:
    with RawRequestor(process.address) as line:
        line.associate((MG, [EXPLICIT]))
        child = process.process
        assert child is not None

        child.terminate()

        assert line.read().kind == ABORT
        assert child.wait(10) == 0
    assert seen(process, database).open_associations() == 0


def test_a_second_scp_on_the_same_port_refuses_to_start(tmp_path: Path, database: Database) -> None:
    settings = scp_settings(tmp_path)
    with (
        running_scp(settings, database),
        pytest.raises(StopError, match=f"127.0.0.1:{settings.scp.port}"),
    ):
        StorageScp(settings, database).start()


def seen(process: ScpProcess, database: Database) -> RunningScp:
    """Look at the other process's work with a SCP object that is not started."""
    settings = scp_settings(process.root, port=process.port)
    return RunningScp(StorageScp(settings, database), settings, database, Layout(process.root))
