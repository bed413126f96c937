"""Which fault strikes when: drawn from a seed beforehand, so that a run can be had again."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

PROCESSES: Final = ("serve", "dispatch", "network", "analysis", "broker")

KILL: Final = "kill -9 of "
KILL_AMID_AN_IMAGE: Final = "kill -9 of serve amid an image"
EMPTY_BROKER: Final = "broker emptied"
KILL_STORESCP: Final = "destination killed"
AWAY: Final = "destination away"
REFUSES: Final = "destination refuses"
ABORTS: Final = "destination aborts"

HARMLESS_TO_PROCESSES: Final = (EMPTY_BROKER, KILL_STORESCP, AWAY, REFUSES, ABORTS)
"""These leave every process of the node alive, so that its memory can be watched."""


@dataclass(frozen=True)
class Fault:
    """One fault; ``at`` and ``lasts`` are seconds, ``at`` since the beginning of the load."""

    at: float
    kind: str
    lasts: float = 0.0


def plan(
    seed: int, seconds: float, *, every: float = 12.0, kills_until: float = 0.5
) -> list[Fault]:
    """Draw the faults of a soak.

    Parameters
    ----------
    every : float
        Seconds from one fault to the next, on average.
    kills_until : float
        Share of the time in which processes are killed; afterwards their memory is watched.
    """
    random = Random(seed)  # noqa: S311 - a plan, no secret
    faults = []
    at = random.expovariate(1 / every)
    while at < seconds:
        may_kill = at < kills_until * seconds
        kinds = [f"{KILL}{name}" for name in PROCESSES] + [KILL_AMID_AN_IMAGE] if may_kill else []
        kind = random.choice([*kinds, *HARMLESS_TO_PROCESSES])
        faults.append(Fault(at, kind, lasts=random.uniform(2.0, 2.5 * every)))
        at += random.expovariate(1 / every)
    return faults


def kills(seed: int, count: int, *, every: float) -> list[Fault]:
    """Draw nothing but kills, ``every`` seconds on average."""
    random = Random(seed)  # noqa: S311 - a plan, no secret
    faults = []
    at = 0.0
    for _ in range(count):
        at += random.uniform(0.2, 2 * every - 0.2)
        faults.append(Fault(at, f"{KILL}{random.choice(PROCESSES)}"))
    return faults
