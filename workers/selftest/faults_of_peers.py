"""Faults of the peers: those that send to the node, those that it sends to, and the detector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from models.errors import OutOfMemory
from node.db.tables import Delivery, Instance
from node.errors import StopError
from node.states import DeliveryState, InstanceState
from workers.selftest.relay import How, Side, Trick
from workers.selftest.scripted_pacs import Behaviour
from workers.selftest.steps import Job, Step

if TYPE_CHECKING:
    from workers.selftest.relay import Relay
    from workers.selftest.trial import Trial

A_DAY: Final = timedelta(days=1)
BEYOND_GIVING_UP: Final = timedelta(days=4)
"""Longer than ``delivery.give_up_hours``."""

REJECTIONS: Final = (
    (1, 1, 1),
    (1, 1, 2),
    (1, 1, 3),
    (1, 1, 7),
    (1, 2, 1),
    (1, 2, 2),
    (2, 3, 1),
    (2, 3, 2),
)
"""Result, source and reason of an A-ASSOCIATE-RJ (PS3.8 Table 9-21)."""

STATUSES: Final = {
    DeliveryState.DELIVERED: (0x0000, 0x0001, 0x0107, 0x0111, 0x0116, 0xB000, 0xB006, 0xB007),
    DeliveryState.PENDING: (0x0110, 0x0210, 0x0213, 0xA700, 0xA7FF),
    DeliveryState.FAILED: (0x0117, 0x0122, 0x0124, 0x0211, 0x0212, 0xA900, 0xC000, 0xCFFF),
}
"""C-STORE statuses (PS3.4 Table B.2-1, PS3.7 Annex C), by what has to become of the object."""

ANSWERS: Final = {
    "commitment refused with 0x0110": Behaviour(action_status=0x0110),
    "commitment refused with 0x0122": Behaviour(action_status=0x0122),
    "no report": Behaviour(reports=False),
    "reported as processing failure": Behaviour(reason=0x0110),
    "reported as missing": Behaviour(reason=0x0112),
    "reported for want of resources": Behaviour(reason=0x0213),
    "reported as class conflict": Behaviour(reason=0x0119),
    "query out of resources": Behaviour(action_status=0x0110, find_status=0xA700),
    "query not understood": Behaviour(action_status=0x0110, find_status=0xC000),
}
"""What a destination may say to the question whether it keeps an object."""

_TRICKS: Final = {
    Step.ASSOCIATION: ((Side.REQUESTOR, 0, True), (Side.ACCEPTOR, 0, False)),
    Step.STORE: ((Side.REQUESTOR, 1, False), (Side.REQUESTOR, 1, True), (Side.REQUESTOR, 2, True)),
    Step.RECORD: ((Side.ACCEPTOR, 1, False),),
    Step.SEND: (
        (Side.REQUESTOR, 0, True),
        (Side.ACCEPTOR, 0, False),
        (Side.REQUESTOR, 1, True),
        (Side.REQUESTOR, 2, True),
        (Side.ACCEPTOR, 1, False),
        (Side.ACCEPTOR, 2, True),
    ),
    Step.CONFIRM: (
        (Side.ACCEPTOR, 0, False),
        (Side.REQUESTOR, 1, True),
        (Side.ACCEPTOR, 1, False),
        (Side.ACCEPTOR, 2, True),
    ),
}
"""Whose PDUs are counted, how many pass, and whether half of the next one does too."""


def _relay(trial: Trial) -> Relay:
    return trial.bench.to_scp if trial.job is Job.RECEIVE else trial.bench.to_pacs


def _spoilt(trial: Trial, how: How) -> None:
    for side, after, half in _TRICKS[trial.step]:
        passes = f"half of PDU {after + 1}" if half else f"{after} PDUs"
        trial.play(
            f"after {passes} of the {side}",
            partial(_with_trick, trial, Trick(side, after, how, half=half)),
        )


def _with_trick(trial: Trial, trick: Trick) -> None:
    relay = _relay(trial)
    before = relay.used
    relay.trick = trick
    trial.bench.run_impatiently(trial.job)
    if relay.used == before and not trial.bug:
        raise StopError(f"no association came to {trick}")


def aborts(trial: Trial) -> None:
    """A-ABORT at each moment of an association."""
    _spoilt(trial, How.ABORT)


def vanishes(trial: Trial) -> None:
    """Lose the connection at each moment of an association."""
    _spoilt(trial, How.RESET)


def hangs(trial: Trial) -> None:
    """Say nothing more at each moment of an association, and stay connected."""
    _spoilt(trial, How.SILENCE)


def refuses(trial: Trial) -> None:
    """Reject the association for each reason that there is."""
    for rejection in REJECTIONS:
        trial.play(
            "rejected with {}, {}, {}".format(*rejection),
            partial(_with_trick, trial, Trick(rejection=rejection)),
            replay=True,
        )


def answers(trial: Trial) -> None:
    """Answer with each class of warning and failure."""
    if trial.step is Step.CONFIRM:
        trial.play("the object is gone", partial(_gone, trial), at_most=2 * A_DAY)
        for place, behaviour in ANSWERS.items():
            trial.play(place, partial(_answered, trial, behaviour), at_most=2 * A_DAY)
        return
    for state, statuses in STATUSES.items():
        for status in statuses:
            place = f"C-STORE answered with 0x{status:04X}"
            trial.play(place, partial(_stored, trial, status, state), replay=True)


def _answered(trial: Trial, behaviour: Behaviour) -> None:
    trial.bench.pacs.behaviour = behaviour
    trial.bench.run_impatiently(trial.job)


def _gone(trial: Trial) -> None:
    trial.bench.pacs.kept.clear()
    trial.bench.run(trial.job)


def _stored(trial: Trial, status: int, wanted: DeliveryState) -> None:
    trial.bench.pacs.behaviour = Behaviour(store_status=status)
    trial.bench.run(trial.job)
    states = set(_states(trial, Delivery))
    if states != {wanted}:
        raise StopError(f"a delivery answered with 0x{status:04X} is {', '.join(sorted(states))}")


def away(trial: Trial) -> None:
    """Be away for a day, and for longer than the node tries; then a person tells it to retry."""
    for days in (A_DAY, BEYOND_GIVING_UP):
        trial.play(
            f"away for {days.days} days",
            partial(_away, trial, days),
            replay=True,
            at_most=2 * A_DAY,
        )


def _away(trial: Trial, days: timedelta) -> None:
    bench = trial.bench
    bench.to_pacs.vanish()
    bench.run(trial.job)
    bench.drive(at_most=days)


def detector_fails(trial: Trial) -> None:
    """Let the detector run out of memory or fail, once and for good."""
    for kind in (OutOfMemory, MemoryError, RuntimeError):
        trial.play(f"{kind.__name__} once", partial(trial.bench.run, trial.job, trouble=kind))
    for kind in (OutOfMemory, RuntimeError):
        trial.play(
            f"{kind.__name__} each time", partial(_failing_for_good, trial, kind), replay=True
        )


def _failing_for_good(trial: Trial, kind: type[Exception]) -> None:
    trial.bench.run(trial.job, trouble=kind)
    trial.bench.drive(trouble=kind)
    _must_be(trial, [InstanceState.FAILED], f"the detector raised {kind.__name__} each time")


def file_lost(trial: Trial) -> None:
    """Take the image's file away, until the attempts are spent; then it comes back."""
    trial.play("until the attempts are spent", partial(_without_file, trial), replay=True)


def _without_file(trial: Trial) -> None:
    bench = trial.bench
    (file,) = (path for path in bench.layout.instances.rglob("*.dcm"))
    aside = bench.folder / "aside.dcm"
    file.rename(aside)
    try:
        bench.run(trial.job)
        bench.drive()
        _must_be(trial, [InstanceState.FAILED], "the file of the image was gone")
    finally:
        aside.rename(file)


def _must_be(trial: Trial, wanted: Sequence[InstanceState], why: str) -> None:
    states = _states(trial, Instance)
    if list(states) != list(wanted):
        raise StopError(f"{why}, and the image is {', '.join(states)}")


def _states(trial: Trial, table: type[Instance] | type[Delivery]) -> Iterable[str]:
    with trial.bench.rows() as session:
        return list(session.scalars(select(table.state)))
