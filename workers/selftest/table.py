"""The table of steps by faults, and the loop over its cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workers.selftest import faults_of_peers as peers
from workers.selftest import faults_of_processes as processes
from workers.selftest import faults_of_surroundings as surroundings
from workers.selftest.steps import Step
from workers.selftest.trial import Run, Trial

if TYPE_CHECKING:
    from workers.selftest.bench import Bench

_ALL: Final = frozenset(Step)
_RECEIVING: Final = frozenset({Step.ASSOCIATION, Step.STORE, Step.RECORD})
_WORK: Final = frozenset(
    {Step.CLAIM, Step.DECODE, Step.DETECT, Step.REPORT, Step.SEND, Step.CONFIRM}
)
_MESSAGES: Final = frozenset({Step.QUEUE, Step.CLAIM, Step.REPORT, Step.SEND, Step.CONFIRM})
_TRANSACTIONS: Final = _ALL - {Step.STORE, Step.DECODE, Step.AUDIT}
_FILES: Final = frozenset({Step.STORE, Step.REPORT})
_SENDING: Final = frozenset({Step.SEND, Step.CONFIRM})
_ASSOCIATIONS: Final = _RECEIVING | _SENDING


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
    Fault("broker-killed", "the broker is killed", _MESSAGES, surroundings.broker_killed),
    Fault(
        "broker-emptied", "the broker forgets everything", _MESSAGES, surroundings.broker_emptied
    ),
    Fault("broker-away", "the broker's socket is gone", _MESSAGES, surroundings.broker_unreachable),
    Fault(
        "database-locked",
        "the database is locked for longer than a process waits",
        _TRANSACTIONS,
        surroundings.locked,
    ),
    Fault(
        "database-lost",
        "the server ends every connection",
        _TRANSACTIONS | {Step.AUDIT},
        surroundings.connection_lost,
        frozenset({"postgresql"}),
    ),
    Fault(
        "database-full",
        "no room in the database's file system",
        _TRANSACTIONS | {Step.AUDIT},
        surroundings.database_full,
    ),
    Fault("storage-full", "no room in the storage", _FILES, surroundings.storage_full),
    Fault("storage-read-only", "the storage is read-only", _FILES, surroundings.storage_read_only),
    Fault(
        "storage-slow",
        "the storage is slower than the sender waits",
        frozenset({Step.STORE, Step.RECORD}),
        surroundings.storage_slow,
    ),
    Fault(
        "storage-fails",
        "the storage gives errors",
        _FILES | {Step.DECODE, Step.SEND},
        surroundings.storage_fails,
    ),
    Fault(
        "file-lost",
        "the image's file is gone for a while",
        frozenset({Step.DECODE}),
        peers.file_lost,
    ),
    Fault(
        "clock-forwards",
        "the clock jumps a day forwards",
        _ALL - {Step.AUDIT},
        surroundings.clock_forwards,
    ),
    Fault("clock-back", "the clock jumps a day back", _ALL - {Step.AUDIT}, surroundings.clock_back),
    Fault("peer-aborts", "the peer aborts at each moment", _ASSOCIATIONS, peers.aborts),
    Fault("peer-vanishes", "the connection to the peer is reset", _ASSOCIATIONS, peers.vanishes),
    Fault("peer-hangs", "the peer says nothing more", _ASSOCIATIONS, peers.hangs),
    Fault("peer-refuses", "the destination rejects the association", _SENDING, peers.refuses),
    Fault("peer-answers", "each warning and failure of the destination", _SENDING, peers.answers),
    Fault("peer-away", "the destination is away for days", _SENDING, peers.away),
    Fault(
        "detector-fails",
        "no memory for the detector, or an error in it",
        frozenset({Step.DETECT}),
        peers.detector_fails,
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


def try_cell(
    bench: Bench, cell: Cell, *, bug: str = "", stop_at_first: bool = False, most: int = 10_000
) -> Result:
    """Play one fault at one step, in ``most`` of its places."""
    trial = Trial(bench, cell.step, bug=bug, stop_at_first=stop_at_first, most=most)
    cell.fault.play(trial)
    return Result(cell, tuple(trial.runs))
