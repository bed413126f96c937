"""The network worker as a process: killed amid a C-STORE, and stopped as it should be."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.sending import Destination
from node.db.session import Database
from node.demo.pacs import ReceivingPacs
from node.dispatch.broker import CeleryPublisher, celery_app
from node.dispatch.loop import Dispatcher
from node.states import DeliveryState, StudyState
from tests.factories import four_view_study
from tests.pdus import EXPLICIT
from tests.peer import AcceptedLine, raw_acceptor
from tests.servers import running, wait_until
from tests.worker_process import NetworkWorker
from tests.working_node import WorkingNode, working_node

pytestmark = pytest.mark.redis

PENDING, SENDING, DELIVERED = (
    DeliveryState.PENDING,
    DeliveryState.SENDING,
    DeliveryState.DELIVERED,
)


@pytest.fixture
def node(database: Database, database_url: str, redis_url: str, tmp_path: Path) -> WorkingNode:
    node = working_node(
        tmp_path / "storage",
        database,
        destinations={"pacs": Destination(ae_title="PACS", host="127.0.0.1", port=104)},
        database={"url": database_url},
        broker={"url": redis_url},
        log={"level": "debug", "format": "json"},
    )
    # The worker's process has the real clock.
    node.clock.now = datetime.now(UTC)
    return node


def publish(node: WorkingNode) -> None:
    """Sweep once, as the dispatch process does."""
    settings = node.runtime.settings
    with closing(celery_app(settings)) as app:
        Dispatcher(settings, node.database, CeleryPublisher(app), clock=node.clock).sweep()


def test_a_worker_killed_amid_a_c_store_delays_its_results_and_loses_none(
    node: WorkingNode, tmp_path: Path
) -> None:
    study = node.complete(four_view_study())
    node.report(study)
    node.clock.now = datetime.now(UTC)
    reached, killed = threading.Event(), threading.Event()

    def stall(line: AcceptedLine) -> None:
        line.accept(syntax_of=lambda _, offered: EXPLICIT if EXPLICIT in offered else None)
        line.read_command()
        reached.set()
        assert killed.wait(20)

    with raw_acceptor(stall) as (host, port):
        towards = Destination(ae_title="PACS", host=host, port=port)
        sender = node.with_settings(destinations={"pacs": towards})
        publish(sender)
        with running(NetworkWorker(tmp_path / "worker", sender.runtime.settings)) as worker:
            assert reached.wait(20)
            during = node.delivery_states()
            worker.kill()
            killed.set()
    publish(node)
    held = node.delivery_states()
    # The lease began with the claim, a moment after our clock was set.
    node.clock.pass_(seconds=node.runtime.settings.delivery.lease_seconds + 60)
    publish(node)
    taken_back = node.delivery_states()
    node.clock.pass_(seconds=node.runtime.settings.delivery.retry_first_seconds)
    with ReceivingPacs(tmp_path / "pacs") as pacs:
        node.with_settings(destinations={"pacs": pacs.destination}).deliver_all()

        assert during == held == [SENDING] * 6
        assert taken_back == [PENDING] * 6
        assert node.delivery_states() == [DELIVERED] * 6
        assert [item.arrivals for item in pacs.received] == [1] * 6
    assert len(node.events("delivery_lease_expired")) == 6
    assert node.audit_problem() is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_reports_and_sends_and_ends_with_status_0(
    node: WorkingNode, tmp_path: Path
) -> None:
    images = four_view_study()
    node.complete(images)
    with ReceivingPacs(tmp_path / "pacs") as pacs:
        sender = node.with_settings(destinations={"pacs": pacs.destination})
        with running(NetworkWorker(tmp_path / "worker", sender.runtime.settings)) as worker:
            publish(sender)
            uid = str(images[0].StudyInstanceUID)
            wait_until(lambda: node.study(uid).state is StudyState.REPORTED, "the report")
            publish(sender)
            wait_until(lambda: node.delivery_states() == [DELIVERED] * 6, "the deliveries")
            process = worker.process
            assert process is not None
            worker.stop()

            assert process.returncode == 0
    assert [event.event for event in node.events("node_started", "node_stopped")] == [
        "node_started",
        "node_stopped",
    ]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_without_a_destination_says_that_nobody_would_see_a_result(
    node: WorkingNode, tmp_path: Path
) -> None:
    settings = node.with_settings(destinations={}).runtime.settings

    with pytest.raises(AssertionError, match="nobody would receive a result"):
        NetworkWorker(tmp_path / "worker", settings).start()
