"""The table of steps by faults, and the loop over its cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workers.selftest import faults_of_processes as processes
from workers.selftest.steps import Step
from workers.selftest.trial import Run, Trial

if TYPE_CHECKING:
    from workers.selftest.bench import Bench

_ALL: Final = frozenset(Step)
_RECEIVING: Final = frozenset({Step.ASSOCIATION, Step.STORE, Step.RECORD})
_WORK: Final = frozenset(
    {Step.CLAIM, Step.DECODE, Step.DETECT, Step.REPORT, Step.SEND, Step.CONFIRM}
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table; ``databases`` are those on which there is such a thing."""

    name: str
    title: str
    steps: frozenset[Step]
    play: Callable[[Trial], None]
    databases: frozenset[str] = frozenset({"sqlite", "postgresql"})


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault at one step."""

    step: Step
    fault: Fault

    @property
    def name(self) -> str:
        """How ``--only`` names it."""
        return f"{self.step}/{self.fault.name}"


@dataclass(frozen=True, slots=True)
class Result:
    """What came out of a cell: one run for each place of the fault."""

    cell: Cell
    runs: tuple[Run, ...]

    @property
    def failures(self) -> tuple[Run, ...]:
        """Runs after which something was wrong."""
        return tuple(run for run in self.runs if run.violations)


FAULTS: Final = (
    Fault("killed", "the process is killed (kill -9)", _ALL, processes.killed),
    Fault(
        "twice",
        "the same comes twice, later and at once",
        _RECEIVING | _WORK | {Step.QUEUE},
        processes.twice,
    ),
    Fault(
        "overtaken",
        "the process stands still beyond its lease, and another one does its work",
        _WORK | {Step.QUEUE},
        processes.overtaken,
    ),
)


def cells(database: str, only: str = "") -> Iterator[Cell]:
    """Give every cell that there is on a kind of database.

    Parameters
    ----------
    only : str
        ``STEP/FAULT``, or one of the two; empty: all.
    """
    for fault in FAULTS:
        for step in Step:
            cell = Cell(step, fault)
            if step not in fault.steps or database not in fault.databases:
                continue
            if only in ("", cell.name, step, fault.name):
                yield cell


def try_cell(bench: Bench, cell: Cell, *, bug: str = "", stop_at_first: bool = False) -> Result:
    """Play one fault at one step, in all its places."""
    trial = Trial(bench, cell.step, bug=bug, stop_at_first=stop_at_first)
    cell.fault.play(trial)
    return Result(cell, tuple(trial.runs))
