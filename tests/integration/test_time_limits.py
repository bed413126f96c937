"""What does not answer is given up in time: database, broker and destination."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from config.settings import Settings
from node.db.session import UNAVAILABLE, Database
from node.dispatch.broker import CeleryPublisher, celery_app
from node.errors import TransientFailure
from node.messages import ANALYSE_TASK, ANALYSIS_QUEUE
from tests.servers import PostgresqlServer, RedisServer, running, short_folder

pytestmark = pytest.mark.timeout(60)


@contextmanager
def stopped(process: int) -> Iterator[None]:
    """Stop a process as a debugger does: its kernel answers, it does not."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


@contextmanager
def black_hole() -> Iterator[int]:
    """Give a port of loopback where connections open and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def ask_while_stopped(database: Database) -> None:
    with database.read() as session:
        process = session.scalar(text("SELECT pg_backend_pid()"))
        assert process is not None
        with stopped(process):
            session.execute(text("SELECT 1"))


@pytest.fixture
def impatient(postgresql_server: PostgresqlServer) -> Iterator[Database]:
    database = Database(postgresql_server.url_of("postgres"), statement_seconds=0.5)
    yield database
    database.dispose()


@pytest.mark.postgresql
def test_a_statement_that_takes_too_long_is_ended_by_the_server(impatient: Database) -> None:
    with pytest.raises(UNAVAILABLE), impatient.read() as session:
        session.execute(text("SELECT pg_sleep(30)"))


@pytest.mark.postgresql
def test_a_server_that_does_not_answer_is_left_and_used_again_when_it_does(
    impatient: Database,
) -> None:
    with pytest.raises(UNAVAILABLE):
        ask_while_stopped(impatient)

    with impatient.read() as session:
        assert session.scalar(text("SELECT 1")) == 1


def test_a_database_address_where_nobody_speaks_is_given_up() -> None:
    with black_hole() as port:
        # Two seconds are the least that libpq takes.
        url = f"postgresql+psycopg://mgnode@127.0.0.1:{port}/mgnode?connect_timeout=2"
        database = Database(url)
        with pytest.raises(UNAVAILABLE):
            database.require_current_schema()
        database.dispose()


def publisher(url: str, tmp_path: Path) -> CeleryPublisher:
    settings = Settings.model_validate(
        {"storage": {"root": tmp_path}, "broker": {"url": url, "timeout_seconds": 1.0}}
    )
    return CeleryPublisher(celery_app(settings))


@pytest.mark.redis
def test_a_broker_that_stops_answering_is_a_transient_failure(tmp_path: Path) -> None:
    with short_folder() as folder, running(RedisServer(folder)) as server:
        broker = publisher(server.url, tmp_path)
        broker.publish(ANALYSE_TASK, instance_id=1)
        assert server.process is not None
        with stopped(server.process.pid):
            with pytest.raises(TransientFailure):
                broker.publish(ANALYSE_TASK, instance_id=2)
            with pytest.raises(TransientFailure):
                broker.backlog(ANALYSIS_QUEUE)

        broker.publish(ANALYSE_TASK, instance_id=3)


def test_a_broker_address_where_nobody_speaks_is_a_transient_failure(tmp_path: Path) -> None:
    with black_hole() as port:
        broker = publisher(f"redis://127.0.0.1:{port}/0", tmp_path)

        with pytest.raises(TransientFailure):
            broker.publish(ANALYSE_TASK, instance_id=1)
        with pytest.raises(TransientFailure):
            broker.backlog(ANALYSIS_QUEUE)
