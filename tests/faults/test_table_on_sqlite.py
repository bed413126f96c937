"""Every cell of the table of steps by faults, in every place, on SQLite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.benches import cell_parameters, sqlite_bench, wrong_after
from workers.selftest.bench import Bench
from workers.selftest.table import Cell


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with sqlite_bench() as bench:
        yield bench


@pytest.mark.parametrize("cell", cell_parameters("sqlite"))
def test_nothing_is_lost(bench: Bench, cell: Cell) -> None:
    assert wrong_after(bench, cell) == {}
