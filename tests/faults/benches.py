"""Scratch installations of the self-test for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.servers import PostgresqlServer, short_folder
from workers.selftest.bench import Bench
from workers.selftest.scratch_database import PostgresqlScratch, SqliteScratch
from workers.selftest.table import Cell, cells, try_cell


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


def cell_parameters(kind: str) -> list[Any]:
    """Give every cell of a kind of database as a parameter with its name."""
    return [pytest.param(cell, id=cell.name) for cell in cells(kind)]


def wrong_after(bench: Bench, cell: Cell, *, most: int = 10_000) -> dict[str, tuple[str, ...]]:
    """Try a cell; give what was wrong after each place of its fault."""
    result = try_cell(bench, cell, most=most)
    assert result.runs, "the fault has no place at this step"
    return {run.place: run.violations for run in result.failures}
