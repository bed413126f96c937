"""Scratch installations of the self-test for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers import PostgresqlServer, short_folder
from workers.selftest.bench import Bench
from workers.selftest.scratch_database import PostgresqlScratch, SqliteScratch


@contextmanager
def sqlite_bench() -> Iterator[Bench]:
    with short_folder() as folder:
        database = SqliteScratch(folder / "scratch.sqlite3", folder / "kept-rows")
        with Bench(folder, database) as bench:
            yield bench


@contextmanager
def postgresql_bench(server: PostgresqlServer) -> Iterator[Bench]:
    name = "faults"
    url = server.create(name)
    try:
        with short_folder() as folder, Bench(folder, PostgresqlScratch(url)) as bench:
            yield bench
    finally:
        server.drop(name)
