"""Every cell of the table of steps by faults, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.benches import postgresql_bench, sqlite_bench
from tests.servers import PostgresqlServer
from workers.selftest.bench import Bench
from workers.selftest.table import Cell, cells, try_cell


@pytest.fixture(scope="module")
def on_sqlite() -> Iterator[Bench]:
    with sqlite_bench() as bench:
        yield bench


@pytest.fixture(scope="module")
def on_postgresql(postgresql_server: PostgresqlServer) -> Iterator[Bench]:
    with postgresql_bench(postgresql_server) as bench:
        yield bench


def _named(kind: str) -> list[object]:
    return [pytest.param(cell, id=cell.name) for cell in cells(kind)]


# What a server arbitrates is tried in every place there; the rest is the same code on both.
OF_THE_DATABASE = ("killed", "twice", "overtaken", "database-")
A_FEW = 2


def _wrong(bench: Bench, cell: Cell, *, most: int = 10_000) -> dict[str, tuple[str, ...]]:
    result = try_cell(bench, cell, most=most)
    assert result.runs, "the fault has no place at this step"
    return {run.place: run.violations for run in result.failures}


@pytest.mark.parametrize("cell", _named("sqlite"))
def test_nothing_is_lost_on_sqlite(on_sqlite: Bench, cell: Cell) -> None:
    assert _wrong(on_sqlite, cell) == {}


@pytest.mark.postgresql
@pytest.mark.parametrize("cell", _named("postgresql"))
def test_nothing_is_lost_on_postgresql(on_postgresql: Bench, cell: Cell) -> None:
    most = 10_000 if cell.fault.name.startswith(OF_THE_DATABASE) else A_FEW

    assert _wrong(on_postgresql, cell, most=most) == {}
