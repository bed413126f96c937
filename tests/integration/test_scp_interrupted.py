"""A sender that goes or falls silent amid its work leaves nothing behind."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from node.db.session import Database
from node.db.tables import Instance
from tests.pdus import EXPLICIT, c_store_rq
from tests.peer import RawRequestor
from tests.receiving import MG, UID, encoded, running_scp, scp_settings
from tests.servers import wait_until


@pytest.mark.parametrize("how", ["abort", "reset", "close"])
def test_a_sender_that_goes_amid_an_image_leaves_nothing(
    tmp_path: Path, database: Database, how: str
) -> None:
    with running_scp(scp_settings(tmp_path / "data"), database) as node:
        line = RawRequestor(node.address)
        line.associate((MG, [EXPLICIT]))
        line.send_pdv(1, c_store_rq(MG, UID), is_command=True)
        line.send_data_set(encoded()[:100_000], last=False)
        wait_until(lambda: bool(node.files("spool")), "the spool file is there")

        {"abort": line.abort, "reset": line.reset, "close": line.socket.close}[how]()

        wait_until(lambda: node.open_associations() == 0, "the association is closed")
        line.socket.close()
        wait_until(node.holds_nothing, "nothing is left")
        assert node.outcomes() == ["aborted"]
        assert node.count(Instance) == 0


def test_a_command_whose_data_set_never_comes_is_given_up(
    tmp_path: Path, database: Database
) -> None:
    settings = scp_settings(tmp_path / "data", dimse_timeout_seconds=0.5, idle_timeout_seconds=60.0)
    with running_scp(settings, database) as node, RawRequestor(node.address) as line:
        line.associate((MG, [EXPLICIT]))
        line.send_pdv(1, c_store_rq(MG, UID), is_command=True)

        assert line.is_closed()
        wait_until(lambda: node.open_associations() == 0, "the association is closed")
        assert node.holds_nothing()


def test_an_association_on_which_nothing_comes_is_aborted(
    tmp_path: Path, database: Database
) -> None:
    settings = scp_settings(tmp_path / "data", idle_timeout_seconds=0.5)
    with running_scp(settings, database) as node, RawRequestor(node.address) as line:
        line.associate((MG, [EXPLICIT]))

        assert line.is_closed()
        wait_until(lambda: node.outcomes() == ["aborted"], "the end is recorded")


@pytest.mark.parametrize("said", [b"", b"\1\0"], ids=["silent", "amid its request"])
def test_a_stop_does_not_stumble_over_a_peer_that_never_asked(
    tmp_path: Path, database: Database, said: bytes
) -> None:
    """PS3.8 9.2: Sta2 has nothing to abort. A thread that dies of it fails the test, too."""
    with (
        running_scp(scp_settings(tmp_path / "data"), database) as node,
        RawRequestor(node.address) as line,
    ):
        line.send(said)
        wait_until(
            lambda: any("process_request" in thread.name for thread in threading.enumerate()),
            "the connection has its thread",
        )

        node.scp.stop()

        assert line.is_closed()
