"""How `mgnode up` learns that its SCP serves, and what the SCP's process leaves in the audit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from config.settings import Settings
from node.cli.up import scp_trouble
from node.db.session import Database
from node.db.tables import AuditEvent
from node.db.upgrade import upgrade
from tests.receiving import running_scp, scp_settings
from tests.servers import Server
from tests.worker_process import environment_of


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("scp", "rejections"),
    [
        ({}, []),
        ({"calling_ae_titles": ("MAMMO1",)}, ["calling_ae_not_recognised"]),
        ({"networks": ("192.0.2.0/24",)}, ["network_not_allowed"]),
    ],
    ids=["welcome", "title", "network"],
)
def test_a_node_that_does_not_listen_to_itself_is_up_after_one_question(
    tmp_path: Path, database: Database, scp: dict[str, Any], rejections: list[str]
) -> None:
    """Asked five times a second for a minute, it filled the audit log with rejections."""
    settings = scp_settings(tmp_path / "data", **scp)
    with running_scp(settings, database) as node:
        assert scp_trouble(settings) == ""

        refused = [*node.audited("association_rejected"), *node.audited("connection_refused")]
        assert [row.reason for row in refused] == rejections


def test_a_node_that_does_not_run_is_not_up(tmp_path: Path) -> None:
    assert "no connection" in scp_trouble(scp_settings(tmp_path))


class Serve(Server):
    """`mgnode serve` as a process of its own."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        super().__init__(folder)
        self._settings = settings
        self._environment = environment_of(settings, folder)

    def arguments(self) -> list[str]:
        return [sys.executable, "-m", "workers.cli", "serve"]

    def popen_options(self) -> dict[str, dict[str, str]]:
        return {"env": self._environment}

    def is_ready(self) -> bool:
        return scp_trouble(self._settings) == ""


def test_the_receiving_process_says_when_it_started_and_stopped(tmp_path: Path) -> None:
    settings = scp_settings(tmp_path / "data")
    settings.storage.root.mkdir()
    upgrade(settings.database_url)
    process = Serve(tmp_path, settings)

    process.start()
    process.stop()

    database = Database(settings.database_url)
    with database.read() as session:
        rows = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    database.dispose()
    assert [row.event for row in rows if row.event.startswith("node_")] == [
        "node_started",
        "node_stopped",
    ]
    assert {row.actor for row in rows if row.event.startswith("node_")} == {rows[0].actor}
    assert rows[0].actor.startswith("scp@")
    assert rows[-1].event == "node_stopped"
