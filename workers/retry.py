"""When to try again: exponential back-off with jitter."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Final

JITTER: Final = 0.2
"""Pauses vary by up to this fraction, so that many rows do not knock at one moment."""

FIRST_PAUSE_AT_WORK: Final = timedelta(seconds=5)
"""Before the second attempt at an image or a report; destinations have settings of their own."""

LONGEST_PAUSE_AT_WORK: Final = timedelta(minutes=10)


def pause_before(
    next_attempt: int, *, first: timedelta, longest: timedelta, random: Random
) -> timedelta:
    """Give the pause before an attempt; the second is the first one that is due after a pause.

    Parameters
    ----------
    next_attempt : int
        2 for the first repetition, 3 for the next, and so on.
    first, longest : timedelta
        Pause before attempt 2; it doubles with each attempt up to ``longest``.

    Returns
    -------
    timedelta
        Within ``JITTER`` of the pause, never above ``longest``.
    """
    # 2 ** 40 times a second is longer than any limit; a larger power overflows timedelta.
    doublings = min(max(next_attempt - 2, 0), 40)
    pause = min(first.total_seconds() * 2.0**doublings, longest.total_seconds())
    jittered = pause * random.uniform(1 - JITTER, 1 + JITTER)
    return timedelta(seconds=min(jittered, longest.total_seconds()))
