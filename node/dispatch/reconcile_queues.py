"""Rows against the broker, the destinations and the clock: what waits, and for whom.

Every question is about the rows of active states, over an index: all of them together are
asked every half minute, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, exists, func, or_, select, update
from sqlalchemy.orm import Session

from config.settings import Settings
from node.db.ages import (
    ANALYSING,
    COMPLETE,
    OPEN,
    PENDING,
    QUEUED,
    RECEIVED,
    SENDING,
    UNCONFIRMED,
    QueueAge,
    queue_ages,
)
from node.db.columns import is_set
from node.db.discrepancies import Found, Kind
from node.db.events import Event
from node.db.studies import is_to_report
from node.db.tables import AuditEvent, Delivery, Instance, Study
from node.messages import ANALYSIS_QUEUE, NETWORK_QUEUE, REPORT_QUEUE
from node.states import DeliveryState, InstanceState, StudyState

MENDED: Final = "MENDED"
TRIED_OFTEN: Final = 3
"""Attempts after which a delivery counts as failing."""

MOST_NAMED: Final = 100
"""Studies that are named one by one; the age of their queue tells of all."""

NEWEST: Final = 100_000
"""So many deliveries are looked through for the last one that a failing destination took."""

OF_QUEUES: Final = (
    Kind.QUEUE_TOO_OLD,
    Kind.NO_LISTENER,
    Kind.STUDY_OVERDUE,
    Kind.ROW_IMPOSSIBLE,
    Kind.DESTINATION_FAILING,
    Kind.DESTINATION_UNKNOWN,
)
"""Kinds of which each check finds all that there are."""

_CLAIMS: Final = {
    ANALYSIS_QUEUE: (Event.INSTANCE_CLAIMED,),
    REPORT_QUEUE: (Event.STUDY_REPORTED, Event.STUDY_RETRY, Event.STUDY_FAILED),
    NETWORK_QUEUE: (Event.DELIVERY_CLAIMED,),
}


def limit_of(queue: str, settings: Settings) -> timedelta:
    """Give how long something may wait in a queue before that is an alarm."""
    alarms = settings.alarms
    return {
        RECEIVED: timedelta(minutes=alarms.received_minutes),
        QUEUED: timedelta(minutes=alarms.queued_minutes),
        ANALYSING: timedelta(minutes=alarms.analysing_minutes),
        OPEN: timedelta(minutes=settings.study.limit_minutes + alarms.open_minutes),
        COMPLETE: timedelta(minutes=alarms.complete_minutes),
        PENDING: timedelta(minutes=alarms.pending_minutes),
        SENDING: timedelta(minutes=alarms.sending_minutes),
        UNCONFIRMED: timedelta(hours=alarms.unconfirmed_hours),
    }[queue]


def is_too_old(age: QueueAge, settings: Settings, *, at: datetime) -> bool:
    """Say whether the oldest of a queue waits longer than it may."""
    return age.oldest_since is not None and at - age.oldest_since > limit_of(age.queue, settings)


def find_in_queues(session: Session, settings: Settings, *, at: datetime) -> list[Found]:
    """Find every discrepancy of ``OF_QUEUES``; it only reads."""
    ages = list(queue_ages(session))
    return [
        *_too_old(ages, settings, at),
        *_without_listener(session, ages, settings, at),
        *_overdue_studies(session, settings, at),
        *_impossible(session),
        *_destinations(session, settings, at),
    ]


def mend_leases(session: Session, *, at: datetime) -> list[Found]:
    """End the claims that have no lease and would last for ever; give what was mended.

    The next sweep takes the rows back, as after any lease.
    """
    images = session.scalars(
        update(Instance)
        .where(Instance.state == InstanceState.ANALYSING, Instance.lease_until.is_(None))
        .values(lease_until=at)
        .returning(Instance.sop_instance_uid)
    ).all()
    deliveries = session.scalars(
        update(Delivery)
        .where(Delivery.state == DeliveryState.SENDING, Delivery.lease_until.is_(None))
        .values(lease_until=at)
        .returning(Delivery.id)
    ).all()
    subjects = [f"instance {uid}" for uid in images] + [f"delivery {key}" for key in deliveries]
    return [
        Found(Kind.ROW_IMPOSSIBLE, subject, "claimed without a lease", mended=MENDED)
        for subject in subjects
    ]


def has_claims_without_lease(session: Session) -> bool:
    """Say whether ``mend_leases`` has anything to do: it costs no write lock."""
    return bool(
        session.scalar(
            select(
                or_(
                    exists().where(
                        Instance.state == InstanceState.ANALYSING, Instance.lease_until.is_(None)
                    ),
                    exists().where(
                        Delivery.state == DeliveryState.SENDING, Delivery.lease_until.is_(None)
                    ),
                )
            )
        )
    )


def _too_old(ages: Sequence[QueueAge], settings: Settings, at: datetime) -> Iterator[Found]:
    for age in ages:
        if is_too_old(age, settings, at=at):
            oldest = f"since {age.oldest_since:%Y-%m-%d %H:%M}Z" + (
                f" {age.uid}" if age.uid else ""
            )
            yield Found(Kind.QUEUE_TOO_OLD, age.name, f"{age.count} wait, the oldest {oldest}")


def _without_listener(
    session: Session, ages: Sequence[QueueAge], settings: Settings, at: datetime
) -> Iterator[Found]:
    """Find queues from which nobody claimed anything while something was due all the time."""
    since = at - settings.alarms.unclaimed_periods * timedelta(
        seconds=settings.dispatch.republish_seconds
    )
    for queue, (is_due, is_held) in _work_of(since).items():
        due = session.scalar(is_due)
        if due is None or session.scalar(is_held) is not None:
            continue
        if queue == ANALYSIS_QUEUE and not _has_waited(ages, since):
            continue
        claimed = select(AuditEvent.id).where(
            AuditEvent.at >= since, AuditEvent.event.in_([*map(str, _CLAIMS[queue])])
        )
        if session.scalar(claimed.limit(1)) is None:
            yield Found(Kind.NO_LISTENER, queue, f"nothing was claimed since {since:%H:%M}Z")


def _has_waited(ages: Sequence[QueueAge], since: datetime) -> bool:
    """Say whether an image waits so long; one that is analysed again came long before."""
    return any(
        age.queue == QUEUED and age.oldest_since is not None and age.oldest_since < since
        for age in ages
    )


def _work_of(since: datetime) -> dict[str, tuple[Select[int], Select[int]]]:
    """Give for each queue what has been due for that long, and what a worker has in hand."""
    images, studies, deliveries = select(Instance.id), select(Study.id), select(Delivery.id)
    return {
        ANALYSIS_QUEUE: (
            images.where(
                Instance.state == InstanceState.QUEUED,
                Instance.received_at < since,
                or_(Instance.not_before.is_(None), Instance.not_before < since),
            ).limit(1),
            images.where(Instance.state == InstanceState.ANALYSING).limit(1),
        ),
        REPORT_QUEUE: (
            studies.where(
                Study.state == StudyState.COMPLETE,
                Study.completed_at < since,
                or_(Study.not_before.is_(None), Study.not_before < since),
            ).limit(1),
            studies.where(Study.state == StudyState.COMPLETE, Study.lease_until.is_not(None)).limit(
                1
            ),
        ),
        NETWORK_QUEUE: (
            deliveries.where(
                Delivery.state == DeliveryState.PENDING,
                Delivery.created_at < since,
                or_(Delivery.not_before.is_(None), Delivery.not_before < since),
            ).limit(1),
            deliveries.where(Delivery.state == DeliveryState.SENDING).limit(1),
        ),
    }


def _overdue_studies(session: Session, settings: Settings, at: datetime) -> Iterator[Found]:
    is_open = (Study.state == StudyState.OPEN) & Study.instances.any(is_to_report())
    for queue, state, column in (
        (OPEN, is_open, Study.opened_at),
        (COMPLETE, Study.state == StudyState.COMPLETE, Study.completed_at),
    ):
        rows = session.execute(
            select(Study.study_instance_uid, column)
            .where(state, column < at - limit_of(queue, settings))
            .order_by(column)
            .limit(MOST_NAMED)
        ).all()
        for uid, since in rows:
            detail = f"{queue} since {since:%Y-%m-%d %H:%M}Z"
            yield Found(Kind.STUDY_OVERDUE, uid, detail, uid)


def _impossible(session: Session) -> Iterator[Found]:
    uids = session.scalars(
        select(Study.study_instance_uid)
        .where(Study.state == StudyState.COMPLETE, Study.completed_at.is_(None))
        .limit(MOST_NAMED)
    )
    for uid in uids:
        yield Found(Kind.ROW_IMPOSSIBLE, f"study {uid}", "COMPLETE without a moment", uid)


def _destinations(session: Session, settings: Settings, at: datetime) -> Iterator[Found]:
    rows = session.execute(
        select(
            Delivery.destination,
            func.count().label("count"),
            func.max(Delivery.attempts).label("attempts"),
        )
        .where(or_(Delivery.state.in_(_ON_THE_WAY), is_set(Delivery.confirm_at)))
        .group_by(Delivery.destination)
    ).all()
    for name, count, attempts in rows:
        if name not in settings.destinations:
            yield Found(Kind.DESTINATION_UNKNOWN, name, f"{count} deliveries")
        elif attempts >= TRIED_OFTEN and (last := _silent_since(session, name, settings, at)):
            detail = f"{count} deliveries wait; the last one was taken {last}"
            yield Found(Kind.DESTINATION_FAILING, name, detail)


def _silent_since(session: Session, destination: str, settings: Settings, at: datetime) -> str:
    """Say since when a destination that has failing deliveries took nothing; empty if it did."""
    since = at - timedelta(minutes=settings.alarms.failing_minutes)
    failing = session.scalar(
        select(func.min(Delivery.created_at)).where(
            Delivery.state == DeliveryState.PENDING,
            Delivery.destination == destination,
            Delivery.attempts >= TRIED_OFTEN,
        )
    )
    if failing is None or failing > since:
        return ""
    # By the key, the newest first: no index on destinations is needed.
    newest = session.scalar(select(func.max(Delivery.id))) or 0
    last = session.scalar(
        select(Delivery.delivered_at)
        .where(
            Delivery.id > newest - NEWEST,
            Delivery.destination == destination,
            Delivery.delivered_at.is_not(None),
        )
        .order_by(Delivery.id.desc())
        .limit(1)
    )
    if last is None:
        return "long ago, or never"
    return f"{last:%Y-%m-%d %H:%M}Z" if last < since else ""


_ON_THE_WAY: Final = (DeliveryState.PENDING, DeliveryState.SENDING)
