"""`mgnode health` beside real databases, brokers and ports."""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from node.cli.app import app
from node.db.session import Database
from node.db.tables import Association, AuditEvent
from node.store.heartbeat import Heartbeat
from node.store.paths import Layout
from tests.certificates import CertificateFolder
from tests.receiving import running_scp, scp_settings
from tests.servers import free_port


def checked(part: str, environ: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Run the command; give its exit status and its checks."""
    result = CliRunner().invoke(app, ["health", part, "--json"], env=environ)
    answer = json.loads(result.stdout)
    assert answer["healthy"] == (result.exit_code == 0)
    return result.exit_code, answer["checks"]


def heartbeat(environ: dict[str, str], part: str) -> Heartbeat:
    return Heartbeat(Path(environ["MGNODE_STORAGE__ROOT"]) / "run", part)


def grow_old(beaten: Heartbeat, *, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(beaten.path, (then, then))


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
    heartbeat(environ, part).beat()

    status, checks = checked(part, environ)

    assert status == 0
    assert set(checks.values()) == {""}


@pytest.mark.redis
@pytest.mark.parametrize(
    ("part", "limit"), [("dispatch", 60), ("network", 60), ("analysis", 300 + 60)]
)
def test_a_process_that_hangs_is_not_healthy_though_all_it_needs_is_there(
    part: str, limit: int, environ: dict[str, str], redis_url: str
) -> None:
    environ["MGNODE_BROKER__URL"] = redis_url
    heartbeat(environ, part).beat()
    grow_old(heartbeat(environ, part), seconds=limit - 30)
    before = checked(part, environ)[0]
    grow_old(heartbeat(environ, part), seconds=limit + 1)

    status, checks = checked(part, environ)

    assert (before, status) == (0, 1)
    assert f"more than {limit} s" in checks.pop("heartbeat")
    assert set(checks.values()) == {""}


@pytest.mark.redis
def test_the_heartbeat_of_another_part_does_not_count(
    environ: dict[str, str], redis_url: str
) -> None:
    environ["MGNODE_BROKER__URL"] = redis_url
    heartbeat(environ, "network").beat()

    status, checks = checked("analysis", environ)

    assert status == 1
    assert "none yet on this host" in checks["heartbeat"]


def test_the_age_of_the_heartbeat_is_told(environ: dict[str, str]) -> None:
    heartbeat(environ, "dispatch").beat()
    grow_old(heartbeat(environ, "dispatch"), seconds=3000)

    told = CliRunner().invoke(app, ["health", "dispatch", "--json"], env=environ).stdout
    text = CliRunner().invoke(app, ["health", "dispatch"], env=environ).stdout

    assert 3000 <= json.loads(told)["heartbeat_age_seconds"] < 3060
    assert "last heartbeat: 30" in text


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


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_scp_over_tls_is_healthy_until_its_certificate_is_over_and_warns_before(
    environ: dict[str, str], database: Database, tmp_path: Path
) -> None:
    files = CertificateFolder(tmp_path / "tls")
    files.issue("server", not_after=files.now + timedelta(days=7, hours=1))
    settings = files.scp_settings(Path(environ["MGNODE_STORAGE__ROOT"]))
    tls = settings.scp.tls.model_dump(mode="json", exclude={"require_client_certificate"})
    given = {f"MGNODE_SCP__TLS__{name.upper()}": str(value) for name, value in tls.items()}
    environ |= {**given, "MGNODE_SCP__TLS__BINDINGS": "{}"}
    environ["MGNODE_SCP__PORT"] = str(settings.scp.port)

    with running_scp(settings, database) as scp:
        status, checks = checked("scp", environ)
        assert (status, checks["certificates"], checks["TLS port"]) == (0, "", "")
        result = CliRunner().invoke(app, ["health", "scp"], env=environ)
        assert "warning: scp.tls.certificate (CN=server," in result.stdout
        assert "in 7 days" in result.stdout
        assert [row.reason for row in scp.audited("connection_refused")] == []

        files.issue("server", not_after=files.now - timedelta(hours=1))
        status, checks = checked("scp", environ)

    assert status == 1
    assert "no peer believes us" in checks["certificates"]
