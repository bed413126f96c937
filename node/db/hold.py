"""Holding deliveries back after a restore: the backup does not know what was sent since.

The hold is an open row among the discrepancies, so that everything that tells of those tells
of it too. While it is in force a delivery goes out only when its destination says that it has
not got the object; a destination that is not asked (`confirm` is none) waits for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from config.settings import Settings
from node.db import audit
from node.db.assurance import Discrepancy
from node.db.columns import is_set
from node.db.discrepancies import Kind
from node.db.events import Event
from node.db.session import require_writer
from node.db.tables import Delivery
from node.states import DeliveryState

SUBJECT = "deliveries"
RELEASED = "RELEASED"


def is_in_force(session: Session) -> bool:
    """Say whether deliveries are held back."""
    return session.scalar(_open()) is not None


def hold(
    session: Session,
    *,
    confirm_within: timedelta,
    at: datetime,
    actor: str,
    details: Mapping[str, Any],
) -> None:
    """Hold every delivery back, and say that the node was restored.

    What awaits its confirmation is asked about from now on, for ``confirm_within``.
    """
    require_writer(session)
    _begin_anew(session, at=at)
    _ask_anew(session, at=at, by=at + confirm_within)
    if not is_in_force(session):
        session.add(
            Discrepancy(
                kind=Kind.RESTORED,
                subject=SUBJECT,
                detail="deliveries are held back until `mgnode restore --release`",
                found_at=at,
                seen_at=at,
            )
        )
    audit.append(
        session, at=at, event=Event.NODE_RESTORED, entity="process", actor=actor, details=details
    )


def release(session: Session, *, at: datetime, actor: str) -> bool:
    """Let deliveries go out again, with the next sweep; False when none were held."""
    require_writer(session)
    row = session.scalar(_open())
    if row is None:
        return False
    row.resolved_at, row.resolution = at, RELEASED
    session.execute(
        update(Delivery)
        .where(Delivery.state == DeliveryState.PENDING)
        .values(not_before=None)
        .execution_options(synchronize_session=False)
    )
    audit.append(session, at=at, event=Event.DELIVERIES_RELEASED, entity="process", actor=actor)
    return True


def _begin_anew(session: Session, *, at: datetime) -> None:
    """Let the time in which a delivery is tried begin now, however long the lost node tried it."""
    session.execute(
        update(Delivery)
        .where(Delivery.state.in_([DeliveryState.PENDING, DeliveryState.SENDING]))
        .values(created_at=at)
        .execution_options(synchronize_session=False)
    )


def _ask_anew(session: Session, *, at: datetime, by: datetime) -> None:
    """Let the time for a confirmation begin now: its answer may have gone to the lost node."""
    session.execute(
        update(Delivery)
        .where(is_set(Delivery.confirm_at))
        .values(confirm_at=at, confirm_by=by, confirm_attempts=0, lease_until=None)
        .execution_options(synchronize_session=False)
    )


def held_destinations(session: Session, settings: Settings) -> frozenset[str]:
    """Name the destinations of waiting deliveries that nothing goes to while the hold lasts."""
    if not is_in_force(session):
        return frozenset()
    waiting = select(Delivery.destination).where(Delivery.state == DeliveryState.PENDING)
    return frozenset(
        name for name in session.scalars(waiting.distinct()) if not is_asked(settings, name)
    )


def is_asked(settings: Settings, destination: str) -> bool:
    """Say whether a destination can tell what it has."""
    row = settings.destinations.get(destination)
    return row is not None and row.confirm != "none"


def _open() -> Any:
    return select(Discrepancy).where(
        Discrepancy.kind == Kind.RESTORED,
        Discrepancy.subject == SUBJECT,
        Discrepancy.resolved_at.is_(None),
    )
