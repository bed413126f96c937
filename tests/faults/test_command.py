"""`mgnode selftest faults`: what it refuses, and what it says of a cell."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.servers import short_folder
from workers.cli import app
from workers.commands import selftest
from workers.selftest.gate import Kind, Point
from workers.selftest.order import order_problems
from workers.selftest.shown import failures, markdown_table
from workers.selftest.steps import Step
from workers.selftest.table import Result, cells
from workers.selftest.trial import Run


def test_a_cell_that_passes_ends_with_status_0() -> None:
    with short_folder() as folder:
        command = ["selftest", "faults", "--root", str(folder), "--only", "decode/killed"]
        result = CliRunner().invoke(app, [*command, "--markdown"])

    assert result.exit_code == 0, result.output
    assert "| killed | – | – | – | – | – | 1 |" in result.output


@pytest.mark.parametrize("found", ["a file", "a node above"])
def test_a_folder_that_is_not_for_it_is_refused(tmp_path: Path, found: str) -> None:
    root = tmp_path / "below"
    if found == "a file":
        root.mkdir()
        (root / "file").touch()
    else:
        (tmp_path / "instances").mkdir()
        (tmp_path / "spool").mkdir()

    with (
        pytest.raises(selftest.StopError, match=r"is not an empty folder|belongs to a node"),
        selftest.scratch_folder(root),
    ):
        pass


def test_a_failure_says_what_was_violated_and_how_to_try_it_alone() -> None:
    (cell,) = cells("sqlite", "store/killed")
    result = Result(cell, (Run("before sync", ("instance 2.25.1: lost",)), Run("fine", ())))

    (text,) = failures([result])

    assert "before sync: instance 2.25.1: lost" in text
    assert "mgnode selftest faults --only store/killed" in text
    assert "FAILS 1 of 2" in markdown_table({"sqlite": [result]})


def _point(kind: Kind, path: str = "", where: str = "") -> Point:
    return Point(Step.STORE, kind, where, path=path)


SYNCED = [
    _point(Kind.WRITE, "spool/x.part"),
    _point(Kind.SYNC, "spool/x.part"),
    _point(Kind.NAME, "spool/x.part>instances/ab/abc.dcm"),
    _point(Kind.SYNC, "instances/ab"),
    _point(Kind.COMMIT),
    _point(Kind.ANSWER, where="0x0000"),
]


@pytest.mark.parametrize(
    ("left_out", "problem"),
    [(1, "before its content"), (3, "before the name"), (4, "before its row was committed")],
)
def test_success_before_what_it_stands_on_is_durable_is_a_violation(
    left_out: int, problem: str
) -> None:
    trace = SYNCED[:left_out] + SYNCED[left_out + 1 :]

    assert order_problems(SYNCED) == []
    assert [text for text in order_problems(trace) if problem in text]
