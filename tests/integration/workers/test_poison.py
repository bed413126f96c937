"""Images that end their worker each time are set aside with the place; the others go on."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.settings import Settings
from node.cli.app import app
from node.db.session import Database
from node.dispatch.broker import CeleryPublisher, celery_app
from node.dispatch.loop import Dispatcher
from node.states import InstanceState
from tests.factories import make_mammogram, stable_uid
from tests.servers import wait_until
from tests.worker_process import environment_of
from tests.working_node import WorkingNode, working_node

pytestmark = [pytest.mark.redis, pytest.mark.timeout(360)]

ABORTS, HANGS_WITH_THE_LOCK, FAILS = 131, 139, 141
WELL = 121
ATTEMPTS = 2


@contextmanager
def restarted(settings: Settings, folder: Path) -> Iterator[list[int]]:
    """Run the worker, again whenever it ends, as a restart policy does; give its statuses."""
    statuses: list[int] = []
    stop = threading.Event()
    folder.mkdir()
    environment = environment_of(settings, folder)
    running: list[subprocess.Popen[bytes]] = []

    def run() -> None:
        while not stop.is_set():
            with (folder / "worker.log").open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "tests.poisoned_worker"],
                    env=environment,
                    stdout=log,
                    stderr=log,
                )
            running[:] = [process]
            statuses.append(process.wait())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        running[0].kill()
        thread.join()


@contextmanager
def dispatching(node: WorkingNode) -> Iterator[None]:
    """Sweep as the dispatch process does."""
    settings = node.runtime.settings
    stop = threading.Event()
    with closing(celery_app(settings)) as broker:
        dispatcher = Dispatcher(settings, node.database, CeleryPublisher(broker))
        thread = threading.Thread(target=dispatcher.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@pytest.fixture
def node(database: Database, database_url: str, redis_url: str, tmp_path: Path) -> WorkingNode:
    node = working_node(
        tmp_path / "storage",
        database,
        database={"url": database_url},
        broker={"url": redis_url},
        # Long enough for what is well, on a machine that is busy with other things.
        analysis={"lease_seconds": 8.0, "max_attempts": ATTEMPTS},
        dispatch={"poll_seconds": 0.05, "republish_seconds": 1.0},
        log={"level": "debug", "format": "json"},
    )
    node.clock.now = datetime.now(UTC)
    return node


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_ends_its_worker_each_time_is_set_aside_and_all_else_is_analysed(
    node: WorkingNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [ABORTS, HANGS_WITH_THE_LOCK, FAILS, WELL, WELL]
    images = [
        make_mammogram(rows=count, sop_instance_uid=stable_uid("poison", str(number)))
        for number, count in enumerate(rows)
    ]
    ids = node.receive(images)

    def is_over() -> bool:
        return all(
            node.instance(each).state in (InstanceState.FAILED, InstanceState.ANALYSED)
            for each in ids
        )

    with restarted(node.runtime.settings, tmp_path / "worker") as statuses, dispatching(node):
        wait_until(is_over, "every image has ended", seconds=280)

    found = dict(zip(rows, map(node.instance, ids), strict=True))
    assert [node.instance(each).state for each in ids[-2:]] == [InstanceState.ANALYSED] * 2
    reasons = {count: found[count].reason for count in rows[:3]}
    assert reasons == {
        ABORTS: "WORKER_LOST",
        HANGS_WITH_THE_LOCK: "OVERRAN",
        FAILS: "ValueError",
    }
    assert {found[count].attempts for count in rows[:3]} == {ATTEMPTS}
    for count in (ABORTS, HANGS_WITH_THE_LOCK, FAILS):
        assert "tests/poisoned_worker.py:" in found[count].traceback, count
        assert "Yamada" not in found[count].traceback
    assert {-6, 1} <= set(statuses)
    replaced = [event.reason for event in node.events("worker_replaced")]
    assert replaced.count("OVERRAN") >= ATTEMPTS
    assert replaced.count("WORKER_LOST") >= ATTEMPTS
    assert node.audit_problem() is None

    for name, value in environment_of(node.runtime.settings, tmp_path).items():
        monkeypatch.setenv(name, value)
    study = str(images[0].StudyInstanceUID)
    shown = CliRunner().invoke(app, ["studies", "show", study]).output
    assert "OVERRAN" in shown
    assert "tests/poisoned_worker.py:" in shown
    again = CliRunner().invoke(app, ["retry", study])
    assert again.output.startswith("3 images")
    assert node.instance(ids[0]).state is InstanceState.QUEUED
    assert node.instance(ids[0]).traceback == ""
