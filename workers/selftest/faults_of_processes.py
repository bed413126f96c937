"""Faults of the node's own processes: killed, doubled, overtaken."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from workers.selftest.gate import GO_ON, Point, Reply
from workers.selftest.steps import Job

if TYPE_CHECKING:
    from workers.selftest.child import Child
    from workers.selftest.trial import Trial

BEYOND_THE_LEASE: Final = timedelta(minutes=10)


def killed(trial: Trial) -> None:
    """Kill -9 before each operation, and after the last."""
    trial.at_each(trial.points(), _kill)
    if trial.job is Job.RECEIVE:
        trial.play("after the answer", lambda: _receive_and_kill(trial))


def twice(trial: Trial) -> None:
    """Do the same again afterwards, and at the same time, the two interleaved at each point."""

    def again() -> None:
        trial.bench.run(trial.job)
        trial.bench.run_beside(trial.job)

    trial.play("again afterwards", again)

    def beside(_point: Point, _child: Child) -> Reply:
        trial.bench.run_beside(trial.job)
        return GO_ON

    free = [point for point in trial.points() if not point.holds_lock]
    trial.at_each(free, beside, word="another one while the first waits before")


def overtaken(trial: Trial) -> None:
    """Let a process stand still until its lease is over and another one has done its work."""

    def stand_still(_point: Point, _child: Child) -> Reply:
        trial.bench.clock.ahead += BEYOND_THE_LEASE
        trial.bench.drive()
        return GO_ON

    free = [point for point in trial.points() if not point.holds_lock]
    trial.at_each(free, stand_still, word="stands still before")


def _kill(_point: Point, child: Child) -> None:
    child.kill()


def _receive_and_kill(trial: Trial) -> None:
    child = trial.bench.child(Job.RECEIVE)
    try:
        trial.bench.receive(child, stop=False)
    finally:
        child.close()
