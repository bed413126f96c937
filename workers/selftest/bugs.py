"""Deliberate bugs, by name: the harness must fail with each of them, or it proves nothing.

One or two for each step. They are put into the processes of a scratch node by patches; the
node's own code has no trace of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from workers.selftest import bugs_of_receiving as receiving
from workers.selftest import bugs_of_work as work
from workers.selftest.steps import Step


@dataclass(frozen=True, slots=True)
class Bug:
    """What is wrong, and the cell that must find it."""

    name: str
    step: Step
    text: str
    caught_by: str
    plant: Callable[[ExitStack], None]


BUGS: Final = {
    bug.name: bug
    for bug in (
        Bug(
            "no-take-over",
            Step.ASSOCIATION,
            "what a killed SCP left open is not closed at its next start",
            "association/killed",
            receiving.no_take_over,
        ),
        Bug(
            "no-fsync",
            Step.STORE,
            "success is answered before the file and its folder are synced",
            "store/killed",
            receiving.no_fsync,
        ),
        Bug(
            "no-sweep",
            Step.STORE,
            "the spool is not swept at the start",
            "store/killed",
            receiving.no_sweep,
        ),
        Bug(
            "success-without-row",
            Step.RECORD,
            "success is answered though the row could not be written",
            "record/database-locked",
            receiving.success_without_row,
        ),
        Bug(
            "no-dedupe",
            Step.RECORD,
            "the same bytes again are taken for a conflict",
            "record/twice",
            receiving.no_dedupe,
        ),
        Bug(
            "publish-once",
            Step.QUEUE,
            "a message counts as sent before it is, and no sweep sends it again",
            "queue/broker-emptied",
            work.publish_once,
        ),
        Bug(
            "no-claim",
            Step.CLAIM,
            "two workers may have one image: no compare-and-set",
            "claim/twice",
            work.no_claim,
        ),
        Bug(
            "no-lease",
            Step.CLAIM,
            "an image of a dead worker is never taken back",
            "claim/killed",
            work.no_lease,
        ),
        Bug(
            "black-image",
            Step.DECODE,
            "an image that cannot be read is analysed as a black one",
            "decode/file-lost",
            work.black_image,
        ),
        Bug(
            "nothing-found",
            Step.DETECT,
            "a detector that fails counts as one that found nothing",
            "detect/detector-fails",
            work.nothing_found,
        ),
        Bug(
            "rows-before-files",
            Step.REPORT,
            "results are recorded before their files are written",
            "report/killed",
            work.rows_before_files,
        ),
        Bug(
            "delivered-unread",
            Step.SEND,
            "a delivery is done when the object is sent, whatever the status says",
            "send/peer-answers",
            work.delivered_unread,
        ),
        Bug(
            "confirmed-by-request",
            Step.CONFIRM,
            "a delivery is confirmed by the question instead of by the answer",
            "confirm/peer-answers",
            work.confirmed_by_request,
        ),
        Bug(
            "audit-afterwards",
            Step.AUDIT,
            "the audit row is written in a transaction of its own, after the move",
            "queue/killed",
            work.audit_afterwards,
        ),
    )
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Put one bug into this process until the block is left; the empty name is none."""
    with ExitStack() as stack:
        if name:
            BUGS[name].plant(stack)
        yield


def plant(name: str) -> None:
    """Put one bug into this process for good."""
    if name:
        BUGS[name].plant(ExitStack())
