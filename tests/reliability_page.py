"""Write the tables of docs/reliability.md: try every cell, and every deliberate bug."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import structlog

from tests.architecture.sources import ROOT
from tests.faults.benches import postgresql_bench, sqlite_bench
from tests.servers import PostgresqlServer, running, short_folder
from workers.selftest.bench import Bench
from workers.selftest.bugs import BUGS
from workers.selftest.shown import failures, markdown_table
from workers.selftest.table import FAULTS, Result, cells, try_cell

PAGE = ROOT / "docs" / "reliability.md"
NOT_FOUND = "NOTHING: the bug is not found"
BUG_HEAD = "| step | bug | cell that failed | what it said |\n|---|---|---|---|\n"
FAULT_HEAD = "| fault | what happens |\n|---|---|\n"


def page(results: dict[str, list[Result]], bugs: Sequence[str]) -> str:
    """Return docs/reliability.md with its tables written anew; without results, that of bugs."""
    wrong = [f"- on {name}: {text}\n" for name, each in results.items() for text in failures(each)]
    text = PAGE.read_text(encoding="utf-8")
    tables = {
        "table": markdown_table(results),
        "failures": "".join(wrong) or "None.\n",
        "faults": FAULT_HEAD + "".join(f"| {each.name} | {each.title} |\n" for each in FAULTS),
        "bugs": BUG_HEAD + "".join(f"{line}\n" for line in bugs),
    }
    for name, table in tables.items():
        if name != "bugs" and not results:
            continue
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}{table}{end}{rest.partition(end)[2]}"
    return text


def try_all(bench: Bench) -> list[Result]:
    """Try every cell that there is on a kind of database."""
    found = []
    for cell in cells(bench.database.kind):
        sys.stderr.write(f"{bench.database.kind} {cell.name}\n")
        found.append(try_cell(bench, cell))
    return found


def try_bugs(bench: Bench) -> Iterator[str]:
    """Try every deliberate bug in the cell that must find it; give the lines of the table."""
    for bug in BUGS.values():
        sys.stderr.write(f"bug {bug.name}\n")
        (cell,) = cells(bench.database.kind, bug.caught_by)
        result = try_cell(bench, cell, bug=bug.name, stop_at_first=True)
        said = (
            result.failures[0].violations[0] if result.failures else "NOTHING: the bug is not found"
        )
        yield f"| {bug.step} | {bug.text} | {bug.caught_by} | {said} |"


@contextmanager
def quiet() -> Iterator[None]:
    """Let the node say nothing of the faults that are made."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def on_sqlite() -> tuple[list[Result], list[str]]:
    with quiet(), sqlite_bench() as bench:
        return try_all(bench), list(try_bugs(bench))


def on_postgresql() -> list[Result]:
    with (
        quiet(),
        short_folder() as folder,
        running(PostgresqlServer(folder)) as server,
        postgresql_bench(server) as bench,
    ):
        return try_all(bench)


def bugs_alone() -> None:
    with quiet(), sqlite_bench() as bench:
        PAGE.write_text(page({}, list(try_bugs(bench))), encoding="utf-8")


def main() -> None:
    if sys.argv[1:] == ["bugs"]:
        bugs_alone()
        return
    # Two processes: a test waits more than it computes.
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        sqlite, postgresql = pool.submit(on_sqlite), pool.submit(on_postgresql)
        results, bugs = sqlite.result()
        found = {"SQLite": results, "PostgreSQL": postgresql.result()}
    PAGE.write_text(page(found, bugs), encoding="utf-8")


if __name__ == "__main__":
    main()
