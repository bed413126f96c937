"""Whoever can write to the broker cannot make a worker do more than look at a row."""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu import Connection
from redis import Redis

from config.sending import Destination
from node.db.session import Database
from node.dispatch.broker import celery_app
from node.messages import (
    CONFIRM_TASK,
    DELIVER_TASK,
    MOST_IDS,
    NETWORK_QUEUE,
    QUEUE_OF_TASK,
    REPORT_QUEUE,
    REPORT_TASK,
    is_usable,
)
from node.states import StudyState
from tests.factories import make_mammogram
from tests.hostile_text import steers
from tests.servers import running, wait_until
from tests.worker_process import NetworkWorker
from tests.working_node import WorkingNode, working_node

JSON = "application/json"
NO_IDS: dict[str, Any] = {
    "a text": "1",
    "SQL": "1; DROP TABLE study",
    "negative": -1,
    "zero": 0,
    "huge": 10**30,
    "100 kB": "9" * 100_000,
    "a fraction": 1.5,
    "no number": float("nan"),
    "true": True,
    "nothing": None,
    "a list": [1],
    "a table": {"id": 1},
}


@pytest.mark.parametrize("value", NO_IDS.values(), ids=NO_IDS)
def test_what_is_no_id_is_not_usable(value: object) -> None:
    assert not is_usable(REPORT_TASK, {"study_id": value})
    assert not is_usable(DELIVER_TASK, {"delivery_ids": [1, value]})
    assert value == [1] or not is_usable(DELIVER_TASK, {"delivery_ids": value})


def test_a_message_has_its_own_argument_and_no_other() -> None:
    assert is_usable(REPORT_TASK, {"study_id": 2**63 - 1})
    assert is_usable(DELIVER_TASK, {"delivery_ids": [1, 2]})
    assert not is_usable(REPORT_TASK, {})
    assert not is_usable(REPORT_TASK, {"study_id": 1, "model": "other"})
    assert not is_usable(REPORT_TASK, {"delivery_ids": [1]})
    assert not is_usable(DELIVER_TASK, {"delivery_ids": []})
    assert not is_usable(DELIVER_TASK, {"delivery_ids": [1] * (MOST_IDS + 1)})


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


class Forger:
    """Writes what it likes into the queues of a worker."""

    def __init__(self, connection: Connection) -> None:
        self._producer = connection.Producer()
        self.written = 0

    def put(
        self, body: bytes, content_type: str, *, task: object = REPORT_TASK, **headers: Any
    ) -> None:
        for queue in (REPORT_QUEUE, NETWORK_QUEUE):
            self.written += 1
            self._producer.publish(
                body,
                routing_key=queue,
                content_type=content_type,
                content_encoding="binary" if content_type != JSON else "utf-8",
                headers={"lang": "py", "task": task, "id": "forged", "retries": 0, **headers},
            )

    def call(self, task: object, *args: Any, embed: Any = None, **kwargs: Any) -> None:
        self.put(json.dumps([args, kwargs, embed or {}]).encode(), JSON, task=task)


def forge(forger: Forger, made: Path) -> None:
    """Write every kind of message that a worker must not follow."""
    yaml = f"!!python/object/apply:os.system ['touch {made}']"
    forger.put(pickle.dumps([[Touch(made)], {}, {}]), "application/x-python-serialize")
    forger.put(pickle.dumps(Touch(made)), "application/octet-stream")
    forger.put(yaml.encode(), "application/x-yaml")
    forger.put(b"\x93\x90\x80\x80", "application/x-msgpack")
    forger.put(b"{", JSON)
    for body in (
        b'"study"',
        b"5",
        b"null",
        b"{}",
        b"[]",
        b"[1, 2, 3, 4]",
        b"[[], []]",
        b"[" * 9999,
    ):
        forger.put(body, JSON)
    forger.put(zlib.compress(b"[" * 1_000_000), JSON, compression="application/x-gzip")
    forger.put(b"[[], {}, {}]", JSON, task=None)
    forger.put(b"[[], {}, {}]", JSON, task=["os.system"])
    whole = b'[[], {"study_id": 1}, {}]'
    for odd in (
        {"eta": "tomorrow"},
        {"eta": "2999-01-01T00:00:00"},
        {"expires": "never"},
        {"retries": "many"},
        {"timelimit": ["a", "b"]},
        {"timelimit": 5},
        {"timelimit": [None]},
        {"retries": False},
        {"root_id": {}},
        {"eta": []},
        {"stamps": 5, "stamped_headers": ["a"]},
        {"get": 5},
        {"shadow": "\x1b[2J"},
        {"id": "a" * 100_000},
        {"id": 5},
    ):
        forger.put(whole, JSON, **odd)
    for name in (
        "os.system",
        "mgnode.nothing",
        "celery.chain",
        "celery.map",
        "\x1b[2J",
        "a" * 9999,
    ):
        forger.call(name, f"touch {made}")
    then = {"task": "os.system", "args": [f"touch {made}"], "kwargs": {}, "options": {}}
    forger.call(REPORT_TASK, embed={"callbacks": [then], "errbacks": [then], "chain": [then]})
    for task, name in ((REPORT_TASK, "study_id"), (CONFIRM_TASK, "delivery_ids")):
        for value in NO_IDS.values():
            forger.call(task, **{name: value if name == "study_id" else [value]})
        forger.call(task, 1)
        forger.call(task, **{name: 1, "extra": 1})


@pytest.fixture
def node(database: Database, database_url: str, redis_url: str, tmp_path: Path) -> WorkingNode:
    return working_node(
        tmp_path / "storage",
        database,
        destinations={"pacs": Destination(ae_title="PACS", host="127.0.0.1", port=104)},
        database={"url": database_url},
        broker={"url": redis_url},
    )


@pytest.fixture
def app(node: WorkingNode) -> Iterator[Celery]:
    with closing(celery_app(node.runtime.settings)) as made:
        yield made


@pytest.mark.redis
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_refuses_what_is_forged_and_goes_on(
    node: WorkingNode, app: Celery, tmp_path: Path
) -> None:
    node.clock.now = datetime.now(UTC)
    study = node.complete([make_mammogram()])
    uid = str(make_mammogram().StudyInstanceUID)
    rows = len(node.events())
    made = tmp_path / "made by a message"

    with running(NetworkWorker(tmp_path / "worker", node.runtime.settings)) as worker:
        assert worker.process is not None
        with app.connection_for_write() as connection:
            forger = Forger(connection)
            forge(forger, made)
        app.control.broadcast("shutdown")
        app.control.broadcast("pool_restart", arguments={"modules": ["os"], "reload": True})
        app.control.rate_limit(REPORT_TASK, "1/h")
        answers = app.control.ping(timeout=0.5)

        def refused() -> int:
            return worker.log.read_text(encoding="utf-8").count("message_refused")

        wait_until(lambda: refused() == forger.written, "every forged message is refused")
        after_the_forged = [event.event for event in node.events()[rows:]]
        app.send_task(REPORT_TASK, kwargs={"study_id": study})
        wait_until(
            lambda: node.study(uid).state is StudyState.REPORTED,
            "the worker does what is no forgery",
            seconds=60,
        )
        is_the_same = worker.process.poll() is None

    log = worker.log.read_text(encoding="utf-8")
    assert is_the_same
    assert answers == []
    assert not made.exists()
    assert after_the_forged == ["node_started"]
    assert "Traceback" not in log
    assert not steers(log)


def envelope(**changed: Any) -> bytes:
    properties = {
        "delivery_tag": "1",
        "body_encoding": "base64",
        "delivery_info": {"exchange": "", "routing_key": REPORT_QUEUE},
    }
    return json.dumps({"body": "", "headers": {}, "properties": properties, **changed}).encode()


NO_MESSAGES = [
    b"garbage",
    b"\xff\xfe",
    b"",
    b"5",
    b"null",
    b"[]",
    b"{}",
    b"[" * 99_999,
    b'{"__type__": "decimal", "__value__": "x"}',
    envelope(properties=5),
    envelope(properties={"delivery_tag": []}),
    envelope(properties={"delivery_tag": "1", "body_encoding": "base64", "delivery_info": 5}),
    envelope(properties={"delivery_tag": "1", "body_encoding": [], "delivery_info": {}}),
    envelope(headers=5),
    envelope(headers={"compression": "gzip"}),
    envelope(body=5),
    envelope(body="a"),
]


@pytest.mark.redis
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_drops_what_is_no_message_and_goes_on(
    node: WorkingNode, app: Celery, redis_url: str, tmp_path: Path
) -> None:
    node.clock.now = datetime.now(UTC)
    study = node.complete([make_mammogram()])
    uid = str(make_mammogram().StudyInstanceUID)
    with (
        running(NetworkWorker(tmp_path / "worker", node.runtime.settings)) as worker,
        closing(Redis.from_url(redis_url)) as client,
    ):
        for odd in NO_MESSAGES:
            client.lpush(REPORT_QUEUE, odd)

        app.send_task(REPORT_TASK, kwargs={"study_id": study})
        wait_until(
            lambda: node.study(uid).state is StudyState.REPORTED, "the worker does what is sent"
        )
        log = worker.log.read_text(encoding="utf-8")
        assert log.count("message_refused") == len(NO_MESSAGES)
        assert "Traceback" not in log
        assert worker.process is not None
        assert worker.process.poll() is None


@pytest.mark.redis
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_knows_the_tasks_of_the_node_and_no_other(app: Celery) -> None:
    assert set(app.tasks) <= set(QUEUE_OF_TASK)
