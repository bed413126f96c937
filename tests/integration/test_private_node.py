"""What the processes of a node write and show: no patient, no secret, nothing for others to read.

Marked patients and secrets go through the processes, well and badly, under a umask that
keeps nothing private by itself.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest

from config.settings import Settings
from node.db.session import Database
from node.db.upgrade import upgrade
from tests.factories import make_mammogram
from tests.marked import MARK, commented
from tests.marked_day import LivedThrough, live_through
from tests.peer import raw_acceptor
from tests.servers import (
    PostgresqlServer,
    RedisServer,
    free_port,
    running,
    short_folder,
)

DATABASE_PASSWORD: Final = "Vwqdatabasesecret"
BROKER_PASSWORD: Final = "Vwqbrokersecret"


class GuardedRedis(RedisServer):
    """Redis that wants the marked password."""

    @property
    def url(self) -> str:
        return f"redis://:{BROKER_PASSWORD}@127.0.0.1:{self.port}/0"

    def arguments(self) -> list[str]:
        return [*super().arguments(), "--requirepass", BROKER_PASSWORD]


@pytest.fixture(
    scope="module",
    params=[
        "embedded",
        pytest.param("network", marks=[pytest.mark.postgresql, pytest.mark.redis]),
    ],
)
def node(request: pytest.FixtureRequest) -> Iterator[LivedThrough]:
    with ExitStack() as stack:
        before = os.umask(0)
        stack.callback(os.umask, before)
        folder = stack.enter_context(short_folder())
        (folder / "redis").mkdir()
        groups: dict[str, Any] = {}
        secrets = []
        if request.param == "network":
            server: PostgresqlServer = request.getfixturevalue("postgresql_server")
            url = server.create("private_node").replace("mgnode@", f"mgnode:{DATABASE_PASSWORD}@")
            broker = stack.enter_context(running(GuardedRedis(folder / "redis")))
            groups = {"database": {"url": url}, "broker": {"url": broker.url}}
            secrets = [DATABASE_PASSWORD, BROKER_PASSWORD]
        peer = ExitStack()
        stack.enter_context(peer)
        host, port = peer.enter_context(raw_acceptor(commented, seconds=300.0))
        settings = Settings.model_validate(
            {
                "storage": {"root": folder / "storage", "free_space_gib": 0.0},
                "scp": {"port": free_port()},
                "destinations": {"pacs": {"ae_title": "PACS", "host": host, "port": port}},
                "dispatch": {"poll_seconds": 0.1, "republish_seconds": 2.0},
                "study": {"quiet_seconds": 0.5},
                "analysis": {"max_attempts": 1},
                "log": {"level": "debug", "format": "console"},
                **groups,
            }
        )
        upgrade(settings.database_url)
        database = Database(settings.database_url)
        stack.callback(database.dispose)
        yield live_through(settings, database, secrets, folder, peer)


def test_every_file_is_for_its_owner_alone(node: LivedThrough) -> None:
    wrong = {
        str(path.relative_to(node.root)): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in [node.root, *node.root.rglob("*")]
        if stat.S_IMODE(path.lstat().st_mode) & 0o077
    }

    assert wrong == {}


def test_the_walk_has_seen_every_kind_of_file(node: LivedThrough) -> None:
    kinds = {path.relative_to(node.root).parts[0] for path in node.root.rglob("*")}

    assert {"instances", "results", "quarantine", "spool", "run", "node.log"} <= kinds
    if node.settings.database.url is None:
        assert {"mgnode.sqlite3", "mgnode.sqlite3-wal"} <= kinds


def test_no_secret_is_written_or_shown(node: LivedThrough) -> None:
    written = node.written()
    holders = {
        where for where, what in written.items() for secret in node.secrets if secret in what
    }

    assert node.secrets
    assert holders <= {"run/valkey.conf", "run/database__url", "run/broker__url"}
    assert holders, "they would be found"


def test_no_patient_is_written_or_shown_beside_the_dicom_files(node: LivedThrough) -> None:
    assert [where for where, what in node.written().items() if MARK.lower() in what.lower()] == []
    assert any(
        MARK.encode() in path.read_bytes() for path in (node.root / "results").rglob("*.dcm")
    )


def test_the_day_had_its_troubles(node: LivedThrough) -> None:
    """Or the tests above would have seen nothing."""
    rows, output = node.rows(), node.output
    events = (
        "association_rejected",
        "instance_quarantined",
        "instance_refused",
        "instance_rejected",
        "instance_failed",
        "study_reported",
        "delivery_failed",
        "delivery_retry",
    )

    assert [event for event in events if event not in rows] == []
    assert "LookupError" in rows
    assert "the chain is whole" in output
    assert "Traceback" not in output


def test_an_image_of_nobody_is_not_marked() -> None:
    assert MARK not in str(make_mammogram())
