"""Every cell of the table of steps by faults on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.benches import cell_parameters, postgresql_bench, wrong_after
from tests.servers import PostgresqlServer
from workers.selftest.bench import Bench
from workers.selftest.table import Cell

pytestmark = pytest.mark.postgresql

# What a server arbitrates is tried in every place; the rest is the same code on both databases.
OF_THE_DATABASE = ("killed", "twice", "overtaken", "database-")
A_FEW = 2
ALL = 10_000


@pytest.fixture(scope="module")
def bench(postgresql_server: PostgresqlServer) -> Iterator[Bench]:
    with postgresql_bench(postgresql_server) as bench:
        yield bench


@pytest.mark.parametrize("cell", cell_parameters("postgresql"))
def test_nothing_is_lost(bench: Bench, cell: Cell) -> None:
    most = ALL if cell.fault.name.startswith(OF_THE_DATABASE) else A_FEW

    assert wrong_after(bench, cell, most=most) == {}
