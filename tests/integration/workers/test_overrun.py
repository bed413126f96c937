"""A network worker a part of which hangs: the others end, then the process does."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.sending import Destination
from node.db.session import Database
from node.demo.pacs import ReceivingPacs
from node.dispatch.broker import CeleryPublisher, celery_app
from node.dispatch.loop import Dispatcher
from node.states import DeliveryState
from tests.factories import four_view_study
from tests.servers import running, wait_until
from tests.worker_process import NetworkWorker
from tests.working_node import WorkingNode, working_node

pytestmark = [
    pytest.mark.redis,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.fixture
def node(database: Database, database_url: str, redis_url: str, tmp_path: Path) -> WorkingNode:
    node = working_node(
        tmp_path / "storage",
        database,
        destinations={"pacs": Destination(ae_title="PACS", host="127.0.0.1", port=104)},
        database={"url": database_url},
        broker={"url": redis_url},
        delivery={"lease_seconds": 3.0},
        log={"level": "debug", "format": "json"},
    )
    node.clock.now = datetime.now(UTC)
    return node


def publish(node: WorkingNode) -> None:
    app = celery_app(node.runtime.settings)
    Dispatcher(node.runtime.settings, node.database, CeleryPublisher(app), clock=node.clock).sweep()
    app.close()


def test_a_delivery_that_hangs_in_the_file_system_ends_its_worker_and_is_put_off(
    node: WorkingNode, tmp_path: Path
) -> None:
    node.report(node.complete(four_view_study()))
    node.clock.now = datetime.now(UTC)
    hung = node.layout.absolute(node.results()[0].path)
    hung.unlink()
    # Nobody ever writes into it: to open it takes for ever, and no time limit helps.
    os.mkfifo(hung)
    with ReceivingPacs(tmp_path / "pacs") as pacs:
        sender = node.with_settings(destinations={"pacs": pacs.destination})
        with running(NetworkWorker(tmp_path / "worker", sender.runtime.settings)) as worker:
            publish(sender)
            process = worker.process
            assert process is not None
            wait_until(lambda: process.poll() is not None, "the worker ends itself")
            status, during = process.returncode, node.delivery_states()
            worker.start()
            wait_until(lambda: bool(node.events("worker_replaced")), "the next one took over")
            after = node.deliveries()

    assert status == 1
    assert during == [DeliveryState.SENDING] * 6
    assert {row.state for row in after} == {DeliveryState.PENDING}
    assert {row.last_error for row in after} == {"OVERRAN"}
    assert "store/files.py:" in after[0].traceback
    assert "workers/deliver.py:" in after[0].traceback
    (replaced,) = node.events("worker_replaced")
    assert (replaced.reason, replaced.details["taken_back"]) == ("OVERRAN", 6)
    assert node.audit_problem() is None
