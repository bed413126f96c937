"""One deliberate bug for each step: the harness fails with it, where it passes without it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.benches import sqlite_bench
from workers.selftest.bench import Bench
from workers.selftest.bugs import BUGS, Bug
from workers.selftest.steps import Step
from workers.selftest.table import cells, try_cell


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with sqlite_bench() as bench:
        yield bench


@pytest.mark.parametrize("bug", [pytest.param(bug, id=name) for name, bug in BUGS.items()])
def test_the_harness_finds_the_bug(bench: Bench, bug: Bug) -> None:
    (cell,) = cells(bench.database.kind, bug.caught_by)

    result = try_cell(bench, cell, bug=bug.name, stop_at_first=True)

    assert result.failures


def test_there_is_a_bug_for_each_step() -> None:
    assert {bug.step for bug in BUGS.values()} == set(Step)
