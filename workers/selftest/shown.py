"""The table of the self-test as a person reads it, on a screen and as a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.table import Table

from workers.selftest.steps import Step
from workers.selftest.table import FAULTS, Result

NOT_THERE: Final = "–"
"""There is no such thing at this step, or on this database."""


def screen_table(results: Sequence[Result]) -> Table:
    """Show faults by steps; each cell says how many places were tried, or how many failed."""
    table = Table(title="faults by steps: places tried")
    table.add_column("fault")
    for step in Step:
        table.add_column(step.value, justify="right")
    for name, texts in _rows(results, {"": results}).items():
        table.add_row(name, *texts)
    return table


def markdown_table(results: Mapping[str, Sequence[Result]]) -> str:
    """Write the table for a page; ``results`` are by kind of database, told apart by `` · ``."""
    everything = [result for each in results.values() for result in each]
    lines = [
        "| " + " | ".join(["fault", *(step.value for step in Step)]) + " |",
        "|---|" + "--:|" * len(Step),
    ]
    lines += [
        "| " + " | ".join([name, *texts]) + " |"
        for name, texts in _rows(everything, results).items()
    ]
    return "\n".join(lines) + "\n"


def failures(results: Iterable[Result]) -> list[str]:
    """Name each place that failed, what was wrong, and how to try it alone."""
    return [
        f"{result.cell.name}, {run.place}: {'; '.join(run.violations)}\n"
        f"  again: mgnode selftest faults --only {result.cell.name}"
        for result in results
        for run in result.failures
    ]


def _rows(
    everything: Sequence[Result], by_database: Mapping[str, Sequence[Result]]
) -> dict[str, list[str]]:
    tried = {result.cell.fault.name for result in everything}
    return {
        fault.name: [_text(fault.name, step, by_database) for step in Step]
        for fault in FAULTS
        if fault.name in tried
    }


def _text(fault: str, step: Step, by_database: Mapping[str, Sequence[Result]]) -> str:
    name = f"{step}/{fault}"
    found = [
        [result for result in results if result.cell.name == name]
        for results in by_database.values()
    ]
    if not any(found):
        return NOT_THERE
    return " · ".join(_of_cell(each[0]) if each else NOT_THERE for each in found)


def _of_cell(result: Result) -> str:
    if result.failures:
        return f"FAILS {len(result.failures)} of {len(result.runs)}"
    return str(len(result.runs))
