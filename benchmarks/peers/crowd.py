"""Rows about many peers at once: 200 associations with an echo each, and idle ones."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.peers.cell import Cell
from benchmarks.peers.receivers import Receiver
from tests.pdus import ASSOCIATE_AC, EXPLICIT, VERIFICATION, associate_rq
from tests.peer import RawRequestor

CROWD: Final = 200
CROWD_SECONDS: Final = 3.0
LIMIT: Final = 40.0
"""Seconds for all of them together."""

WATCHED_SECONDS: Final = 10.0
IDLE_SHARE: Final = 0.001
"""Of a core, for each idle association."""


def two_hundred(receiver: Receiver) -> Cell:
    """Let 200 ask before the first is answered; then each sends an echo."""
    began = time.monotonic()
    with ExitStack() as stack:
        lines, accepted = _associate(receiver, CROWD, stack)
        answered = sum(_echoes(line) for line in accepted)
        seconds = time.monotonic() - began
    text = f"{answered} of {CROWD}, {seconds:.1f} s"
    if len(lines) < CROWD:
        text += f", {CROWD - len(lines)} not connected"
    return Cell(text, meets=answered == CROWD and seconds <= CROWD_SECONDS)


def idle(receiver: Receiver, associations: int) -> Cell:
    """Measure the processor time of associations on which nothing happens."""
    with ExitStack() as stack:
        _, accepted = _associate(receiver, associations, stack)
        time.sleep(3.0)
        before = _cpu_seconds(receiver)
        time.sleep(WATCHED_SECONDS)
        share = (_cpu_seconds(receiver) - before) / WATCHED_SECONDS
    text = f"{share:.1%} of a core"
    if len(accepted) < associations:
        text += f" for {len(accepted)}"
    is_whole = len(accepted) == associations
    return Cell(text, meets=is_whole and share <= IDLE_SHARE * associations)


def idle_20(receiver: Receiver) -> Cell:
    """20 idle associations."""
    return idle(receiver, 20)


def idle_100(receiver: Receiver) -> Cell:
    """100 idle associations."""
    return idle(receiver, 100)


def _associate(
    receiver: Receiver, number: int, stack: ExitStack
) -> tuple[list[RawRequestor], list[RawRequestor]]:
    """Connect all, then read the answers: those that connected, those that were accepted."""
    request = associate_rq([(VERIFICATION, [EXPLICIT])], called=receiver.ae_title)
    deadline = time.monotonic() + LIMIT
    lines: list[RawRequestor] = []
    for _ in range(number):
        try:
            line = stack.enter_context(RawRequestor(receiver.address, seconds=_left(deadline)))
            line.send(request)
            lines.append(line)
        except OSError:
            continue
    accepted = []
    for line in lines:
        try:
            line.socket.settimeout(_left(deadline))
            if line.read().kind == ASSOCIATE_AC:
                accepted.append(line)
        except (OSError, EOFError):
            continue
    return lines, accepted


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.1)


def _echoes(line: RawRequestor) -> bool:
    try:
        return line.echo() == 0
    except (OSError, EOFError, AssertionError):
        return False


def _cpu_seconds(receiver: Receiver) -> float:
    ticks = 0
    for pid in receiver.descendants():
        words = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")
