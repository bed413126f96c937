"""What was given up and waits for a person: deliveries, studies and images that are FAILED.

Nothing is due for them, so no queue shows them: without an open discrepancy nobody would hear
of them. It is over when a person puts the rows back or sets them aside.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from config.settings import Settings
from node.db.discrepancies import Found, Kind
from node.db.tables import Delivery, Instance, Result, Study
from node.states import DeliveryState, InstanceState, StudyState

MOST_NAMED: Final = 100
"""Studies that are named one by one, the oldest first; one more row tells of the others."""

OTHERS: Final = "others"

OF_FAILURES: Final = (Kind.DELIVERY_FAILED, Kind.STUDY_FAILED, Kind.IMAGE_FAILED)
"""Kinds of which each check finds all that there are."""


def find_failed(session: Session, settings: Settings) -> Iterator[Found]:
    """Find every discrepancy of ``OF_FAILURES``; it only reads."""
    yield from _deliveries(session, settings)
    yield from _studies(session)
    yield from _images(session)


def _deliveries(session: Session, settings: Settings) -> Iterator[Found]:
    rows = session.execute(
        select(Delivery.destination, func.count(), func.min(Result.created_at))
        .join(Delivery.result)
        .where(
            Delivery.state == DeliveryState.FAILED,
            Delivery.destination.not_in(settings.alarms.gone_destinations),
        )
        .group_by(Delivery.destination)
        .order_by(Delivery.destination)
    ).all()
    for name, count, oldest in rows:
        where = "" if name in settings.destinations else "; it is in no setting"
        detail = f"{count} given up, the oldest result of {oldest:%Y-%m-%d %H:%M}Z{where}"
        yield Found(Kind.DELIVERY_FAILED, name, detail)


def _studies(session: Session) -> Iterator[Found]:
    failed = Study.state == StudyState.FAILED
    rows = session.execute(
        select(Study.study_instance_uid, Study.reason)
        .where(failed)
        .order_by(Study.id)
        .limit(MOST_NAMED + 1)
    ).all()
    for uid, reason in rows[:MOST_NAMED]:
        yield Found(Kind.STUDY_FAILED, uid, f"no report: {reason}", uid)
    yield from _others(session, Kind.STUDY_FAILED, len(rows), select(func.count()).where(failed))


def _images(session: Session) -> Iterator[Found]:
    failed = Instance.state == InstanceState.FAILED
    rows = session.execute(
        select(
            Study.study_instance_uid,
            func.count(),
            func.min(Instance.reason),
            func.max(Instance.reason),
        )
        .join(Instance.study)
        .where(failed)
        .group_by(Study.id, Study.study_instance_uid)
        .order_by(Study.id)
        .limit(MOST_NAMED + 1)
    ).all()
    for uid, count, first, last in rows[:MOST_NAMED]:
        reasons = first if first == last else f"{first}, {last}"
        yield Found(Kind.IMAGE_FAILED, uid, f"{count} not analysed: {reasons}", uid)
    total = select(func.count(Instance.study_id.distinct())).where(failed)
    yield from _others(session, Kind.IMAGE_FAILED, len(rows), total)


def _others(session: Session, kind: Kind, seen: int, total: Select[int]) -> Iterator[Found]:
    if seen > MOST_NAMED:
        more = (session.scalar(total) or 0) - MOST_NAMED
        yield Found(kind, OTHERS, f"{more} more studies")
