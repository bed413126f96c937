"""What a destination's C-STORE status means for the delivery."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Outcome(StrEnum):
    """What to do with the object now."""

    DELIVERED = "DELIVERED"
    """The peer has it."""

    RETRY = "RETRY"
    """Not now; the same object may be taken later."""

    REFUSED = "REFUSED"
    """Not this object; sending it again cannot help."""


class Range(NamedTuple):
    """Statuses from ``first`` to ``last`` that mean the same to us."""

    first: int
    last: int
    outcome: Outcome
    meaning: str


TABLE: Final = (
    Range(0x0000, 0x0000, Outcome.DELIVERED, "Success"),
    Range(0x0001, 0x0001, Outcome.DELIVERED, "Warning"),
    Range(0x0107, 0x0107, Outcome.DELIVERED, "Warning: attribute list error"),
    Range(0x0110, 0x0110, Outcome.RETRY, "Processing failure"),
    Range(0x0111, 0x0111, Outcome.DELIVERED, "Duplicate SOP instance: it came before"),
    Range(0x0116, 0x0116, Outcome.DELIVERED, "Warning: attribute value out of range"),
    Range(0x0117, 0x0117, Outcome.REFUSED, "Invalid SOP instance"),
    Range(0x0122, 0x0122, Outcome.REFUSED, "SOP class not supported"),
    Range(0x0124, 0x0124, Outcome.REFUSED, "Not authorised"),
    Range(0x0210, 0x0210, Outcome.RETRY, "Duplicate invocation: a Message ID is in use"),
    Range(0x0211, 0x0211, Outcome.REFUSED, "Unrecognised operation"),
    Range(0x0212, 0x0212, Outcome.REFUSED, "Mistyped argument"),
    Range(0x0213, 0x0213, Outcome.RETRY, "Resource limitation"),
    Range(0xA700, 0xA7FF, Outcome.RETRY, "Out of resources"),
    Range(0xA900, 0xA9FF, Outcome.REFUSED, "Data set does not match SOP class"),
    Range(0xB000, 0xBFFF, Outcome.DELIVERED, "Warning: coerced, discarded or mismatched; stored"),
    Range(0xC000, 0xCFFF, Outcome.REFUSED, "Cannot understand"),
    # The rest of the failure classes: the object is named as the trouble.
    Range(0x0100, 0x01FF, Outcome.REFUSED, "Any other failure of this class"),
    Range(0x0200, 0x02FF, Outcome.REFUSED, "Any other failure of this class"),
    Range(0xA000, 0xAFFF, Outcome.REFUSED, "Any other failure of this class"),
)
"""PS3.4 Table B.2-1, PS3.7 9.1.1.1.9 and Annex C; the first row that holds a status counts."""


def classify(status: int) -> Outcome:
    """Say what a status means; the first row that holds it counts.

    A status outside every class of PS3.7 Annex C (cancel and pending too,
    which no C-STORE has) says nothing about the object: it is tried again, and
    the time limit of the delivery ends that.
    """
    return next((row.outcome for row in TABLE if row.first <= status <= row.last), Outcome.RETRY)
