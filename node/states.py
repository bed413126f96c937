"""The states of a row and the arrows between them.

docs/trace.md draws these tables; ``node.db.transitions.move`` is the only
function that follows them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class InstanceState(StrEnum):
    """Where a received SOP instance stands."""

    RECEIVED = "RECEIVED"
    QUEUED = "QUEUED"
    ANALYSING = "ANALYSING"
    ANALYSED = "ANALYSED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"


class StudyState(StrEnum):
    """Where a study stands."""

    OPEN = "OPEN"
    COMPLETE = "COMPLETE"
    REPORTED = "REPORTED"
    FAILED = "FAILED"


class DeliveryState(StrEnum):
    """Where one result stands on its way to one destination."""

    PENDING = "PENDING"
    SENDING = "SENDING"
    DELIVERED = "DELIVERED"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"


State = InstanceState | StudyState | DeliveryState

INSTANCE_ARROWS: Final[frozenset[tuple[InstanceState, InstanceState]]] = frozenset(
    {
        (InstanceState.RECEIVED, InstanceState.QUEUED),
        (InstanceState.RECEIVED, InstanceState.REJECTED),
        (InstanceState.QUEUED, InstanceState.ANALYSING),
        (InstanceState.ANALYSING, InstanceState.ANALYSED),
        (InstanceState.ANALYSING, InstanceState.REJECTED),
        (InstanceState.ANALYSING, InstanceState.QUEUED),  # the lease expired, or a retry
        (InstanceState.ANALYSING, InstanceState.FAILED),
        (InstanceState.FAILED, InstanceState.QUEUED),  # replay, or a re-run
        (InstanceState.ANALYSED, InstanceState.QUEUED),  # a person wants it analysed again
        (InstanceState.REJECTED, InstanceState.QUEUED),  # replay, after a limit was raised
        (InstanceState.ANALYSED, InstanceState.REJECTED),  # set aside by a person, as the next two
        (InstanceState.FAILED, InstanceState.REJECTED),
        (InstanceState.REJECTED, InstanceState.REJECTED),  # a rule rejected it before
    }
)

STUDY_ARROWS: Final[frozenset[tuple[StudyState, StudyState]]] = frozenset(
    {
        (StudyState.OPEN, StudyState.COMPLETE),
        (StudyState.COMPLETE, StudyState.REPORTED),
        (StudyState.COMPLETE, StudyState.FAILED),
        (StudyState.COMPLETE, StudyState.OPEN),  # late image before the report was built
        (StudyState.REPORTED, StudyState.OPEN),  # late image
        (StudyState.FAILED, StudyState.OPEN),  # late image
        (StudyState.FAILED, StudyState.COMPLETE),  # replay
    }
)

DELIVERY_ARROWS: Final[frozenset[tuple[DeliveryState, DeliveryState]]] = frozenset(
    {
        (DeliveryState.PENDING, DeliveryState.SENDING),
        (DeliveryState.SENDING, DeliveryState.DELIVERED),
        (DeliveryState.SENDING, DeliveryState.PENDING),  # retry, or the lease expired
        (DeliveryState.SENDING, DeliveryState.FAILED),
        (DeliveryState.DELIVERED, DeliveryState.CONFIRMED),
        (DeliveryState.DELIVERED, DeliveryState.PENDING),  # the destination lost it, or replay
        (DeliveryState.FAILED, DeliveryState.PENDING),  # replay
    }
)

ARROWS: Final[frozenset[tuple[State, State]]] = frozenset(
    {*INSTANCE_ARROWS, *STUDY_ARROWS, *DELIVERY_ARROWS}
)

UNFINISHED_INSTANCE: Final = frozenset(
    {InstanceState.RECEIVED, InstanceState.QUEUED, InstanceState.ANALYSING}
)


def is_allowed(seen: State, new: State) -> bool:
    """Say whether the arrow ``seen -> new`` exists, for rows of one kind."""
    return type(seen) is type(new) and (seen, new) in ARROWS
