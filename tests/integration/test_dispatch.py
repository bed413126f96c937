"""The outbox loop on real databases and a real broker: what is due goes out, once and again."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import redis
from sqlalchemy import select

from config.settings import AnalysisSettings, BrokerSettings, DispatchSettings, Settings
from node.db.analysis import claim_instance, record_rejection
from node.db.session import Database
from node.db.tables import AuditEvent, Instance, Study
from node.dispatch.broker import CeleryPublisher, celery_app
from node.dispatch.loop import Dispatcher
from node.errors import StateConflict, TransientFailure
from node.messages import (
    ANALYSE_TASK,
    ANALYSIS_QUEUE,
    CONFIRM_TASK,
    NETWORK_QUEUE,
    REPORT_TASK,
)
from node.states import DeliveryState, InstanceState, StudyState
from tests.rows import NOON, STANDARD_VIEWS, received
from tests.servers import free_port
from tests.table_rows import a_delivery

pytestmark = pytest.mark.redis

SETTINGS = Settings(
    analysis=AnalysisSettings(lease_seconds=60, max_attempts=2),
    dispatch=DispatchSettings(republish_seconds=30, window=3),
)


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class Node:
    """A dispatcher between a real database and a real broker."""

    database: Database
    broker: str
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        settings = SETTINGS.model_copy(update={"broker": BrokerSettings(url=self.broker)})
        self.app = celery_app(settings)
        self.dispatcher = Dispatcher(
            settings, self.database, CeleryPublisher(self.app), clock=self.clock
        )

    def messages(self, queue: str = ANALYSIS_QUEUE) -> list[tuple[str, dict[str, object]]]:
        """Take every message out of a queue: task and arguments, oldest first."""
        found = []
        with redis.Redis.from_url(self.broker) as client:
            while (raw := client.rpop(queue)) is not None:
                found.append(_message(raw))
        return found

    def state(self, instance_id: int) -> InstanceState:
        with self.database.read() as session:
            return session.get_one(Instance, instance_id).state


def _message(raw: object) -> tuple[str, dict[str, object]]:
    assert isinstance(raw, bytes)
    envelope = json.loads(raw)
    assert envelope["content-type"] == "application/json"
    body = json.loads(base64.b64decode(envelope["body"]))
    return envelope["headers"]["task"], body[1]


@pytest.fixture
def node(database: Database, redis_url: str) -> Iterator[Node]:
    made = Node(database, redis_url)
    yield made
    made.app.close()


def test_a_received_image_is_queued_in_sql_and_published_once(node: Node) -> None:
    instance = received(node.database)

    node.dispatcher.sweep()
    node.dispatcher.sweep()

    assert node.state(instance) is InstanceState.QUEUED
    assert node.messages() == [(ANALYSE_TASK, {"instance_id": instance})]


def test_an_emptied_broker_is_filled_again_from_the_rows(node: Node, redis_url: str) -> None:
    instance = received(node.database)
    node.dispatcher.sweep()
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()

    node.clock.pass_(seconds=29)
    node.dispatcher.sweep()
    early = node.messages()
    node.clock.pass_(seconds=2)
    node.dispatcher.sweep()

    assert early == []
    assert node.messages() == [(ANALYSE_TASK, {"instance_id": instance})]


def test_a_broker_that_is_away_loses_nothing(database: Database, redis_url: str) -> None:
    instance = received(database)
    away = Node(database, f"redis://127.0.0.1:{free_port()}/0")

    with pytest.raises(TransientFailure):
        away.dispatcher.sweep()
    back = Node(database, redis_url, away.clock)
    back.dispatcher.sweep()

    assert back.messages() == [(ANALYSE_TASK, {"instance_id": instance})]
    for node in (away, back):
        node.app.close()


def test_a_backlog_stays_in_sql_beyond_the_window(node: Node) -> None:
    ids = [received(node.database, study=f"study {number}") for number in range(5)]

    node.dispatcher.sweep()

    assert [arguments["instance_id"] for _, arguments in node.messages()] == ids[:3]


def test_messages_do_not_pile_up_while_no_worker_takes_them(node: Node) -> None:
    for number in range(5):
        received(node.database, study=f"study {number}")

    for _ in range(20):
        node.dispatcher.sweep()
        node.clock.pass_(seconds=31)

    assert len(node.messages()) == 3


def test_an_expired_lease_gives_the_image_back_and_its_old_holder_records_nothing(
    node: Node,
) -> None:
    instance = received(node.database)
    node.dispatcher.sweep()
    with node.database.begin() as session:
        claim = claim_instance(
            session,
            instance,
            lease_until=node.clock() + timedelta(seconds=60),
            at=node.clock(),
            actor="first worker",
        )
    node.clock.pass_(seconds=59)
    node.dispatcher.sweep()
    held = node.state(instance)
    node.clock.pass_(seconds=2)
    node.dispatcher.sweep()

    assert held is InstanceState.ANALYSING
    assert node.state(instance) is InstanceState.QUEUED
    assert claim is not None
    with pytest.raises(StateConflict), node.database.begin() as session:
        record_rejection(
            session, claim, reason="LATE", detail="", at=node.clock(), actor="first worker"
        )


def test_an_image_that_outlives_every_attempt_is_set_aside_and_can_be_seen(node: Node) -> None:
    instance = received(node.database)
    for _ in range(2):
        node.dispatcher.sweep()
        with node.database.begin() as session:
            assert claim_instance(
                session,
                instance,
                lease_until=node.clock() + timedelta(seconds=1),
                at=node.clock(),
                actor="worker that dies",
            )
        node.clock.pass_(seconds=2)
    node.dispatcher.sweep()

    assert node.state(instance) is InstanceState.FAILED
    with node.database.read() as session:
        last = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert last is not None
    assert (last.event, last.reason) == ("instance_failed", "LEASE_EXPIRED")


def test_two_loops_side_by_side_publish_and_move_each_row_once(node: Node, redis_url: str) -> None:
    other = Node(node.database, redis_url, node.clock)
    for number in range(3):
        received(node.database, study=f"study {number}")

    node.dispatcher.sweep()
    other.dispatcher.sweep()

    assert len(node.messages()) == 3
    with node.database.read() as session:
        queued = session.scalars(
            select(AuditEvent).where(AuditEvent.event == "instance_queued")
        ).all()
    assert len(queued) == 3
    other.app.close()


def test_a_study_of_refused_images_completes_after_quiet_time_and_is_published(
    node: Node, redis_url: str
) -> None:
    for laterality, view in STANDARD_VIEWS:
        received(node.database, laterality=laterality, view=view)
    node.dispatcher.sweep()
    while messages := node.messages():
        for _, arguments in messages:
            _reject(node, int(str(arguments["instance_id"])))
        # The window holds three; the fourth image follows now.
        node.dispatcher.sweep()
    node.clock.pass_(seconds=SETTINGS.study.quiet_seconds)

    node.dispatcher.sweep()

    with node.database.read() as session:
        study = session.scalars(select(Study)).one()
    assert (study.state, study.completed_because) == (StudyState.COMPLETE, "QUIET")
    with redis.Redis.from_url(redis_url) as client:
        raw = client.rpop("report")
    assert _message(raw) == (REPORT_TASK, {"study_id": study.id})


def test_a_question_to_a_destination_outlives_an_emptied_broker(node: Node, redis_url: str) -> None:
    with node.database.begin() as session:
        row = a_delivery(session, state=DeliveryState.DELIVERED)
        row.confirm_at = node.clock() + timedelta(seconds=30)
    node.dispatcher.sweep()
    too_early = node.messages(NETWORK_QUEUE)
    node.clock.pass_(seconds=30)
    node.dispatcher.sweep()
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    node.clock.pass_(seconds=31)
    node.dispatcher.sweep()

    assert too_early == []
    assert node.messages(NETWORK_QUEUE) == [(CONFIRM_TASK, {"delivery_ids": [row.id]})]


def _reject(node: Node, instance_id: int) -> None:
    with node.database.begin() as session:
        claim = claim_instance(
            session,
            instance_id,
            lease_until=node.clock() + timedelta(seconds=60),
            at=node.clock(),
            actor="worker",
        )
        assert claim is not None
        record_rejection(
            session, claim, reason="NOT_BREAST", detail="", at=node.clock(), actor="worker"
        )
