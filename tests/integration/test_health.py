"""`mgnode health` beside real databases, brokers and ports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from node.cli.app import app
from node.db.session import Database
from node.db.tables import Association, AuditEvent
from node.store.paths import Layout
from tests.receiving import running_scp, scp_settings
from tests.servers import free_port


def checked(part: str, environ: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Run the command; give its exit status and its checks."""
    result = CliRunner().invoke(app, ["health", part, "--json"], env=environ)
    answer = json.loads(result.stdout)
    assert answer["healthy"] == (result.exit_code == 0)
    return result.exit_code, answer["checks"]


@pytest.fixture
def environ(database_url: str, tmp_path: Path) -> dict[str, str]:
    root = tmp_path / "storage"
    Layout(root).create()
    return {
        "MGNODE_DATABASE__URL": database_url,
        "MGNODE_STORAGE__ROOT": str(root),
        "MGNODE_STORAGE__FREE_SPACE_GIB": "0",
    }


def test_an_scp_that_serves_is_healthy_and_its_audit_log_stays_quiet(
    environ: dict[str, str], database: Database
) -> None:
    """A check each minute must not write half a million rows a year."""
    settings = scp_settings(Path(environ["MGNODE_STORAGE__ROOT"]))
    environ["MGNODE_SCP__PORT"] = str(settings.scp.port)

    with running_scp(settings, database) as scp:
        before = scp.count(AuditEvent)
        assert checked("scp", environ) == (0, {"database": "", "storage": "", "port": ""})
        assert scp.count(AuditEvent) == before
        assert scp.count(Association) == 0


def test_an_scp_that_does_not_listen_is_not(environ: dict[str, str]) -> None:
    environ["MGNODE_SCP__PORT"] = str(free_port())

    status, checks = checked("scp", environ)

    assert status == 1
    assert "Connection refused" in checks["port"]


def test_an_scp_without_room_is_not_healthy(environ: dict[str, str]) -> None:
    environ["MGNODE_STORAGE__FREE_SPACE_GIB"] = "1e9"

    status, checks = checked("scp", environ)

    assert status == 1
    assert "GiB free" in checks["storage"]


@pytest.mark.redis
@pytest.mark.parametrize("part", ["dispatch", "analysis", "network"])
def test_a_process_that_reaches_database_and_broker_is_healthy(
    part: str, environ: dict[str, str], redis_url: str
) -> None:
    environ["MGNODE_BROKER__URL"] = redis_url

    status, checks = checked(part, environ)

    assert status == 0
    assert checks["broker"] == ""


def test_a_process_without_a_broker_is_not_healthy_and_shows_no_password(
    environ: dict[str, str],
) -> None:
    environ["MGNODE_BROKER__URL"] = f"redis://:hunter2@127.0.0.1:{free_port()}/0"

    status, checks = checked("dispatch", environ)

    assert status == 1
    assert checks["broker"].startswith("cannot be reached")
    assert "hunter2" not in json.dumps(checks)


@pytest.mark.parametrize("part", ["scp", "dispatch", "analysis", "network"])
def test_a_process_without_its_schema_is_not_healthy(part: str, tmp_path: Path) -> None:
    status, checks = checked(part, {"MGNODE_STORAGE__ROOT": str(tmp_path / "nothing")})

    assert status == 1
    assert "mgnode db upgrade" in checks["database"]


@pytest.mark.parametrize("part", ["scp", "analysis", "network"])
def test_a_process_without_its_storage_is_not_healthy(
    part: str, environ: dict[str, str], tmp_path: Path
) -> None:
    environ["MGNODE_STORAGE__ROOT"] = str(tmp_path / "nothing")

    status, checks = checked(part, environ)

    assert status == 1
    assert "missing" in checks["storage"]
