"""PostgreSQL goes away and comes back under an open Database."""

from __future__ import annotations

import pytest

from node.db import audit
from node.db.events import Event
from node.db.session import UNAVAILABLE, Database
from node.db.upgrade import upgrade
from tests.servers import PostgresqlServer, running, short_folder
from tests.table_rows import NOON


def append(database: Database, actor: str) -> None:
    with database.begin() as session:
        audit.append(session, at=NOON, event=Event.NODE_STARTED, actor=actor)


@pytest.mark.postgresql
def test_a_killed_postgresql_is_unavailable_and_then_serves_the_same_database_again() -> None:
    with short_folder() as folder, running(PostgresqlServer(folder)) as server:
        url = server.create("mgnode")
        upgrade(url)
        database = Database(url)
        append(database, "before")

        def write_while_it_dies() -> None:
            with database.begin() as session:
                audit.append(session, at=NOON, event=Event.NODE_STARTED, actor="during")
                server.kill()

        with pytest.raises(UNAVAILABLE):
            write_while_it_dies()
        with pytest.raises(UNAVAILABLE):
            append(database, "away")
        server.start()
        append(database, "after")

        with database.read() as session:
            assert audit.verify(session).checked == 2
        database.dispose()
