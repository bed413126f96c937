"""Faults of what the node stands on: broker, database, storage, clock."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from workers.selftest.gate import GO_ON, Kind, Point, Reply
from workers.selftest.steps import Step

if TYPE_CHECKING:
    from workers.selftest.child import Child
    from workers.selftest.trial import Trial

A_DAY: Final = timedelta(days=1)
LOCK_SECONDS: Final = 0.2
"""So long a child waits for the database here; the node waits 30 s."""

_FILE: Final = (Kind.WRITE, Kind.SYNC, Kind.NAME, Kind.FOLDER, Kind.UNLINK)
_READING: Final = (Kind.READ, Kind.ASK)


def broker_killed(trial: Trial) -> None:
    """Kill the broker; it comes back with its journal."""
    _to_the_broker(trial, trial.bench.broker.kill)


def broker_emptied(trial: Trial) -> None:
    """Let the broker forget everything."""
    _to_the_broker(trial, trial.bench.broker.empty)


def broker_unreachable(trial: Trial) -> None:
    """Take the broker's socket away."""
    _to_the_broker(trial, trial.bench.broker.hide)


def _to_the_broker(trial: Trial, what: Callable[[], None]) -> None:
    points = trial.points()
    if trial.step is not Step.QUEUE:
        # The work itself does not speak to it: its message waits there, or is acknowledged.
        points = points[:1] + points[1:][-1:]

    def act(_point: Point, _child: Child) -> Reply:
        what()
        return GO_ON

    trial.at_each(points, act, word="broken before")


def locked(trial: Trial) -> None:
    """Hold the writer's lock for longer than the child waits, from each beginning on."""
    for point in _of(trial, Kind.BEGIN):

        def act(point: Point = point) -> None:
            with ExitStack() as held:

                def lock(_point: Point, _child: Child) -> Reply:
                    held.enter_context(trial.bench.database.locked())
                    return GO_ON

                trial.run_to(point, lock, lock_seconds=LOCK_SECONDS)

        trial.play(f"locked before {point.name}", act)


def connection_lost(trial: Trial) -> None:
    """Let the server end every connection, before and amid each transaction."""

    def act(_point: Point, _child: Child) -> Reply:
        trial.bench.database.cut_off()
        return GO_ON

    trial.at_each(_of(trial, Kind.BEGIN, Kind.AUDIT, Kind.COMMIT), act, word="cut off before")


def database_full(trial: Trial) -> None:
    """Leave no room for the database, from each transaction on until the process has ended."""
    if trial.bench.database.kind == "sqlite":
        points = _of(trial, Kind.BEGIN, Kind.AUDIT)
        trial.at_each(points, lambda _point, _child: Reply(full=True), word="no room from")
        return
    if trial.step is Step.AUDIT:
        # Inside a transaction the server's tables cannot be changed: none gets through.
        trial.play("no room from the start", partial(_without_room, trial, None))
    for point in _of(trial, Kind.BEGIN):
        trial.play(f"no room from {point.name}", partial(_without_room, trial, point))


def _without_room(trial: Trial, point: Point | None) -> None:
    with ExitStack() as full:

        def fill(_point: Point, _child: Child) -> Reply:
            full.enter_context(trial.bench.database.full())
            return GO_ON

        if point is None:
            full.enter_context(trial.bench.database.full())
            trial.bench.run(trial.job)
        else:
            trial.run_to(point, fill)


def storage_full(trial: Trial) -> None:
    """Let each operation on a file fail for want of room."""
    _failing(trial, errno.ENOSPC, *_FILE)


def storage_read_only(trial: Trial) -> None:
    """Let each operation on a file fail because nothing may be written."""
    _failing(trial, errno.EROFS, *_FILE)


def storage_fails(trial: Trial) -> None:
    """Let each operation on a file, and each look into one, fail as on a dying disk."""
    _failing(trial, errno.EIO, *_FILE, *_READING)


def storage_slow(trial: Trial) -> None:
    """Let each operation take longer than the sender waits for its answer."""

    def wait(_point: Point, _child: Child) -> Reply:
        trial.bench.wait_for_sender()
        return GO_ON

    for point in trial.points():
        trial.play(f"slow at {point.name}", partial(trial.run_to, point, wait, impatiently=True))


def _failing(trial: Trial, number: int, *kinds: Kind) -> None:
    trial.at_each(_of(trial, *kinds), lambda _point, _child: Reply(error=number), word="fails at")


def clock_forwards(trial: Trial) -> None:
    """Let a day pass at once, after the step and amid it."""
    _jump(trial, before=timedelta(0), after=A_DAY)


def clock_back(trial: Trial) -> None:
    """Do the step with a clock that is a day ahead, and goes back then."""
    _jump(trial, before=A_DAY, after=-A_DAY)


def _jump(trial: Trial, *, before: timedelta, after: timedelta) -> None:
    def kill(_point: Point, child: Child) -> None:
        child.kill()

    def jump(run: Callable[[], None]) -> None:
        trial.bench.clock.ahead += before
        run()
        trial.bench.clock.ahead += after

    ways: dict[str, Callable[[], None]] = {
        "after the work": partial(trial.bench.run, trial.job),
        "after a kill": partial(trial.run_to, trial.points()[-1], kill),
    }
    for place, run in ways.items():
        # A day without an answer of the destination is an alarm, which a person has to meet.
        trial.play(
            place,
            partial(jump, run),
            at_most=4 * A_DAY,
            replay=trial.step in (Step.SEND, Step.CONFIRM),
        )


def _of(trial: Trial, *kinds: Kind) -> list[Point]:
    return [point for point in trial.points() if point.kind in kinds]
