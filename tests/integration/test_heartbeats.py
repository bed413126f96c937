"""The loops that do the work leave the heartbeats: one that hangs leaves none."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from typing_extensions import override

from config.settings import DispatchSettings, Settings
from node.db.session import Database
from node.dispatch.broker import CeleryPublisher, celery_app
from node.dispatch.loop import Dispatcher
from node.errors import TransientFailure
from node.store.heartbeat import Heartbeat
from tests.rows import received
from tests.servers import free_port, running, wait_until
from tests.worker_process import NetworkWorker
from tests.working_node import working_node


class HangingBroker(CeleryPublisher):
    """A broker that takes a message and does not answer before it is told to."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(celery_app(settings))
        self.reached = threading.Event()
        self.answer = threading.Event()

    @override
    def backlog(self, queue: str) -> int:
        return 0

    @override
    def publish(self, task: str, **arguments: object) -> None:
        self.reached.set()
        assert self.answer.wait(30)
        raise TransientFailure("the broker is away")


def test_the_dispatch_loop_beats_after_each_sweep_and_not_while_one_hangs(
    database: Database,
) -> None:
    received(database)
    settings = Settings(dispatch=DispatchSettings(poll_seconds=0.01))
    broker = HangingBroker(settings)
    beats, stop = [], threading.Event()
    dispatcher = Dispatcher(settings, database, broker, beat=lambda: beats.append(1))
    thread = threading.Thread(target=dispatcher.run, args=(stop,))
    thread.start()
    try:
        assert broker.reached.wait(30)
        during = len(beats)
        broker.answer.set()
        wait_until(lambda: len(beats) > 2, "the loop turns, though the broker is away")
    finally:
        broker.answer.set()
        stop.set()
        thread.join()

    assert during == 0


@pytest.mark.redis
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_network_worker_beats_again_and_again_without_any_task(
    database: Database, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    node = working_node(
        tmp_path / "storage",
        database,
        database={"url": database_url},
        broker={"url": redis_url},
        destinations={"pacs": {"ae_title": "PACS", "host": "127.0.0.1", "port": free_port()}},
        log={"level": "debug", "format": "json"},
    )
    heartbeat = Heartbeat(node.layout.run, "network")
    with running(NetworkWorker(tmp_path / "worker", node.runtime.settings)):
        wait_until(heartbeat.path.exists, "the first beat")
        os.utime(heartbeat.path, (0, 0))
        wait_until(lambda: (heartbeat.age_seconds() or 0) < 3600, "another beat")


@pytest.mark.redis
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_whose_broker_is_away_leaves_no_heartbeat(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """Its loop has not begun: a thread of its own would say that all is well."""
    node = working_node(
        tmp_path / "storage",
        database,
        database={"url": database_url},
        broker={"url": f"redis://127.0.0.1:{free_port()}/0"},
        destinations={"pacs": {"ae_title": "PACS", "host": "127.0.0.1", "port": free_port()}},
        log={"level": "debug", "format": "json"},
    )
    worker = NetworkWorker(tmp_path / "worker", node.runtime.settings)
    with running(worker):
        wait_until(
            lambda: worker.log.read_text(encoding="utf-8").count("consumer") > 1,
            "it has tried to connect",
        )

        assert Heartbeat(node.layout.run, "network").age_seconds() is None
