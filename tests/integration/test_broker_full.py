"""A broker that is full refuses messages; the rows keep what is due."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from config.settings import BrokerSettings, Settings
from node.db.session import Database
from node.db.tables import Instance
from node.dispatch.broker import CeleryPublisher, celery_app
from node.dispatch.loop import Dispatcher
from node.errors import TransientFailure
from node.messages import ANALYSIS_QUEUE
from tests.rows import received
from tests.servers import RedisServer, running, short_folder

pytestmark = pytest.mark.redis


@pytest.fixture
def full_broker() -> Iterator[str]:
    """Give a broker without room, of its own: the others keep theirs."""
    with short_folder() as folder, running(RedisServer(folder)) as server:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "1")
        yield server.url


def test_what_a_full_broker_refuses_goes_out_when_it_has_room(
    database: Database, full_broker: str
) -> None:
    instance = received(database)
    settings = Settings(broker=BrokerSettings(url=full_broker))
    with (
        closing(celery_app(settings)) as app,
        redis.Redis.from_url(full_broker) as client,
    ):
        dispatcher = Dispatcher(settings, database, CeleryPublisher(app))
        with pytest.raises(TransientFailure):
            dispatcher.sweep()
        with database.read() as session:
            published_at = session.get_one(Instance, instance).published_at
        client.config_set("maxmemory", "0")

        dispatcher.sweep()

        assert published_at is None
        assert client.llen(ANALYSIS_QUEUE) == 1
