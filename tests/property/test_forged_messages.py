"""Whatever a message says, it is refused or Celery can follow it: no worker ends by one."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from celery import Celery
from celery.concurrency.solo import TaskPool
from celery.worker.request import Request
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from kombu.transport.virtual import Channel, Message

from config.settings import Settings
from node.dispatch.broker import celery_app
from node.messages import QUEUE_OF_TASK, REPORT_TASK
from workers.consumer import is_ours

ID = "058ca58a-05ee-4b25-9450-94cd9dda74b3"
USUAL: dict[str, Any] = {
    "lang": "py",
    "task": REPORT_TASK,
    "id": ID,
    "shadow": None,
    "eta": None,
    "expires": None,
    "group": None,
    "group_index": None,
    "retries": 0,
    "timelimit": [None, None],
    "root_id": ID,
    "parent_id": None,
    "argsrepr": "()",
    "kwargsrepr": "{'study_id': 1}",
    "origin": "gen1@node",
    "ignore_result": None,
    "replaced_task_nesting": 0,
    "stamped_headers": None,
    "stamps": {},
}
OPTIONS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
BODY = [[], {"study_id": 1}, OPTIONS]

ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([ID, *QUEUE_OF_TASK, "2999-01-01T00:00:00"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)
NAMES = st.sampled_from([*USUAL, "compression", "headers", "get", "update"]) | st.text(max_size=8)
HEADERS = st.dictionaries(NAMES, ANY, max_size=3).map(lambda changed: {**USUAL, **changed}) | ANY
BODIES = (
    ANY
    | st.dictionaries(st.sampled_from([*OPTIONS, "args", "id"]), ANY, max_size=2).map(
        lambda options: [[], {"study_id": 1}, options]
    )
    | st.just(BODY)
)


def look_at(*, study_id: int) -> int:
    return study_id


@pytest.fixture(scope="module")
def app() -> Iterator[Celery]:
    with closing(celery_app(Settings())) as made:
        made.task(name=REPORT_TASK)(look_at)
        made.finalize()
        yield made


def message(headers: object, body: object, **envelope: object) -> Message:
    properties = {"delivery_tag": "1", "body_encoding": "base64", "delivery_info": {}}
    text = json.dumps(body).encode() if not isinstance(body, bytes) else body
    payload = {
        "body": base64.b64encode(text).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": headers,
        "properties": properties,
        **envelope,
    }
    channel = object.__new__(Channel)
    return Message(payload, channel)


def follow(app: Celery, found: Message) -> object:
    """Do with a message what Celery's worker does with it."""
    request = Request(found, app=app, task=app.tasks[found.headers["task"]])
    results: list[object] = []
    request.on_success = results.append
    pool = TaskPool(limit=1, app=app)
    pool.start()
    request.execute_using_pool(pool)
    return results


@pytest.mark.parametrize("added", [{}, {"redelivered": True}, {"x-delivery-count": 1}], ids=str)
def test_what_the_node_sends_is_taken_and_done(app: Celery, added: dict[str, object]) -> None:
    usual = message({**USUAL, **added}, BODY)

    assert is_ours(usual)
    assert follow(app, usual) == [(0, "1", pytest.approx(0, abs=60))]


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(headers=HEADERS, body=BODIES)
@example(headers={**USUAL, "timelimit": 5}, body=BODY)
@example(headers={**USUAL, "timelimit": [None]}, body=BODY)
@example(headers={**USUAL, "eta": []}, body=BODY)
@example(headers={**USUAL, "retries": False}, body=BODY)
@example(headers={**USUAL, "stamps": 5, "stamped_headers": [[]]}, body=BODY)
@example(headers=USUAL, body=[[], {"study_id": 1}, {"id": 5}])
@example(headers=USUAL, body=json.dumps(BODY).encode("utf-16"))
@example(headers=USUAL, body=b"\xff\xfe")
def test_a_message_is_refused_or_celery_follows_it(
    app: Celery, headers: object, body: object
) -> None:
    try:
        found = message(headers, body)
    except AttributeError:  # no headers at all; what kombu cannot read never comes to us
        return

    if is_ours(found):
        (result,) = follow(app, found)  # type: ignore[misc]  # a list
        assert not result[0], "the task failed"


@given(value=ANY, name=st.sampled_from(["content-type", "content-encoding", "properties", "body"]))
def test_an_envelope_is_looked_at_without_a_stumble(value: object, name: str) -> None:
    found = message(USUAL, BODY)
    attribute = {"content-type": "content_type", "content-encoding": "content_encoding"}
    setattr(found, attribute.get(name, name), value)

    assert is_ours(found) in (True, False)
