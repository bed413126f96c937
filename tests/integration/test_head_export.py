"""The head of the audit log on its way to a file and a syslog, and what health says of it."""

from __future__ import annotations

import socket
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from config.settings import Settings
from node.db.session import Database
from node.dispatch.checkpoints import Signer
from node.dispatch.head_export import HeadExport, HeadNotInLog, audit_trouble
from node.store.audit_key import make_key
from tests.audit_log import run_as_owner, write
from tests.checkpointed_log import without_checkpoint_triggers
from tests.table_rows import NOON
from workers.cli import app

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def settings(folder: Path, url: str, **audit_group: Any) -> Settings:
    group = {"key": folder / "keys" / "audit.pem", "checkpoint_events": 1, **audit_group}
    return Settings.model_validate(
        {"storage": {"root": folder}, "database": {"url": url}, "audit": group}
    )


@pytest.fixture
def export(
    database: Database, database_url: str, tmp_path: Path
) -> Callable[..., tuple[Settings, int]]:
    """Sign the head of a log of three more events, and export it; give how many went out."""
    make_key(tmp_path / "keys" / "audit.pem")

    def sign_and_export(**audit_group: Any) -> tuple[Settings, int]:
        ours = settings(tmp_path, database_url, **audit_group)
        write(database, 3)
        Signer(ours, database, actor="test").step(at=NOON)
        return ours, HeadExport(ours, database).step()

    return sign_and_export


Export = Callable[..., tuple[Settings, int]]


@on_sqlite
def test_what_could_not_be_exported_is_told_by_health_and_goes_out_later(
    database: Database, tmp_path: Path, export: Export
) -> None:
    heads = tmp_path / "mount" / "heads"
    heads.parent.write_text("no folder: the other host is away")
    with pytest.raises(OSError, match="mount"):
        export(head_file=heads)
    ours = settings(tmp_path, "sqlite:///unused", head_file=heads)
    with database.read() as session:
        assert "cannot be read" in audit_trouble(ours, session, at=NOON + timedelta(minutes=2))

    heads.parent.unlink()
    ours, exported = export(head_file=heads)
    assert exported == 2
    assert stat.S_IMODE(heads.stat().st_mode) == 0o600
    with database.read() as session:
        assert audit_trouble(ours, session, at=NOON + timedelta(minutes=2)) == ""


@on_sqlite
def test_a_log_that_was_cut_off_is_told_by_health_before_anybody_verifies(
    database: Database, database_url: str, tmp_path: Path, export: Export
) -> None:
    ours, _ = export(head_file=tmp_path / "heads")
    run_as_owner(
        database_url,
        *without_checkpoint_triggers(database_url),
        "DELETE FROM audit_checkpoint",
        "DELETE FROM audit_event WHERE id > 2",
    )

    with pytest.raises(HeadNotInLog, match="cut off"):
        export(head_file=tmp_path / "heads")
    with database.read() as session:
        assert "cut off" in audit_trouble(ours, session, at=NOON + timedelta(minutes=2))


@on_sqlite
@pytest.mark.parametrize("transport", ["udp", "tcp", "unix"])
def test_each_head_goes_to_syslog_once(tmp_path: Path, export: Export, transport: str) -> None:
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    family = socket.AF_UNIX if transport == "unix" else socket.AF_INET
    with socket.socket(family, kind) as receiver:
        place: Any = ("127.0.0.1", 0) if transport != "unix" else str(tmp_path / "log")
        receiver.bind(place)
        receiver.settimeout(10)
        if transport == "tcp":
            receiver.listen()
        address = receiver.getsockname()
        target = address if transport == "unix" else f"{transport}://127.0.0.1:{address[1]}"

        ours, exported = export(syslog=target)
        if transport == "tcp":
            connection, _ = receiver.accept()
            with connection:
                data = connection.makefile("rb").read()
            length, _, data = data.partition(b" ")
            assert int(length) == len(data)
        else:
            data = receiver.recv(65536)

    assert exported == 1
    start = rb"<109>mgnode[" if transport == "unix" else b"<109>1 20"
    assert data.startswith(start)
    assert b'"event":4,' in data
    with Database(str(ours.database_url)).read() as session:
        assert audit_trouble(ours, session, at=NOON + timedelta(minutes=2)) == ""


@on_sqlite
def test_the_key_is_private_and_never_overwritten_unless_a_person_rotates_it(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MGNODE_DATABASE__URL", database_url)
    monkeypatch.setenv("MGNODE_STORAGE__ROOT", str(tmp_path / "data"))
    key = tmp_path / "data-keys" / "audit.pem"

    assert CliRunner().invoke(app, ["audit", "key"]).exit_code == 0
    first = key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert CliRunner().invoke(app, ["audit", "key"]).exit_code != 0
    assert CliRunner().invoke(app, ["audit", "key", "--if-none"]).exit_code == 0
    assert key.read_bytes() == first
    assert CliRunner().invoke(app, ["audit", "key", "--rotate"]).exit_code == 0
    assert key.read_bytes() != first
    assert len(list(key.parent.glob("*.pub.pem"))) == 2
