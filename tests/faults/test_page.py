"""docs/reliability.md has the rows and the bugs of the harness."""

from __future__ import annotations

from tests.architecture.sources import ROOT
from tests.reliability_page import NOT_FOUND
from workers.selftest.bugs import BUGS
from workers.selftest.shown import NOT_THERE
from workers.selftest.steps import Step
from workers.selftest.table import FAULTS, cells

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_the_page_has_the_cells_of_the_harness() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    tables = {row[0]: row[1:] for row in rows if len(row) == 1 + len(Step)}
    assert tables.pop("fault") == [step.value for step in Step]

    shown = {
        f"{step}/{fault}"
        for fault, texts in tables.items()
        for step, text in zip(Step, texts, strict=True)
        if text != NOT_THERE
    }

    there = {cell.name for kind in ("sqlite", "postgresql") for cell in cells(kind)}
    assert shown == there, "run `make reliability`"


def test_the_page_explains_each_fault() -> None:
    assert [f.name for f in FAULTS if f"| {f.name} | {f.title} |" not in PAGE] == []


def test_the_page_names_each_deliberate_bug_and_the_cell_that_failed() -> None:
    missing = [
        bug.name
        for bug in BUGS.values()
        if f"| {bug.step} | {bug.text} | {bug.caught_by} |" not in PAGE
    ]

    assert missing == []
    assert NOT_FOUND not in PAGE
