"""When a study is complete: a pure rule, and the step that applies it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from config.settings import StudySettings
from node.db.events import Event
from node.db.set_aside import not_set_aside
from node.db.tables import Association, Instance, Study
from node.db.transitions import move
from node.states import UNFINISHED_INSTANCE, InstanceState, StudyState

STANDARD_VIEWS: Final = frozenset({("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")})
"""The four views of a screening study."""


class Because(StrEnum):
    """Why a study was taken as complete."""

    FOUR_VIEWS = "FOUR_VIEWS"
    """The four standard views are analysed and no association that sends it is open."""
    QUIET = "QUIET"
    """No image came for the set quiet time, and every one that came is dealt with."""
    LIMIT = "LIMIT"
    """The set limit has passed; what is not analysed yet is named in the report."""


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What the rule looks at."""

    opened_at: datetime
    last_received_at: datetime
    analysed_views: frozenset[tuple[str, str]]
    unfinished: int
    is_being_sent: bool


def decide(
    facts: StudyFacts, *, now: datetime, quiet: timedelta, limit: timedelta
) -> Because | None:
    """Say why the study is complete now, or None while it has to wait."""
    if now - facts.opened_at >= limit:
        return Because.LIMIT
    if facts.unfinished:
        return None
    if facts.analysed_views >= STANDARD_VIEWS and not facts.is_being_sent:
        return Because.FOUR_VIEWS
    if now - facts.last_received_at >= quiet:
        return Because.QUIET
    return None


def complete_studies(session: Session, settings: StudySettings, *, at: datetime, actor: str) -> int:
    """Move OPEN studies that are complete to COMPLETE; give how many."""
    quiet = timedelta(seconds=settings.quiet_seconds)
    limit = timedelta(minutes=settings.limit_minutes)
    moved = 0
    query = select(Study).where(
        Study.state == StudyState.OPEN,
        # Without an image there is nothing to report: it waits for one.
        Study.instances.any(not_set_aside()),
    )
    for study in session.scalars(query).all():
        because = decide(_facts(session, study), now=at, quiet=quiet, limit=limit)
        if because is None:
            continue
        move(
            session,
            study,
            StudyState.COMPLETE,
            at=at,
            event=Event.STUDY_COMPLETE,
            actor=actor,
            reason=because,
            completed_at=at,
            completed_because=because,
            published_at=None,
            not_before=None,
            report_attempts=0,
        )
        moved += 1
    return moved


def _facts(session: Session, study: Study) -> StudyFacts:
    rows = session.execute(
        select(Instance.state, Instance.laterality, Instance.view, Instance.is_standard_view).where(
            Instance.study_id == study.id
        )
    ).all()
    is_being_sent = session.scalar(
        select(
            exists().where(
                Instance.study_id == study.id,
                Instance.association_id == Association.id,
                Association.closed_at.is_(None),
            )
        )
    )
    return StudyFacts(
        opened_at=study.opened_at,
        last_received_at=study.last_received_at,
        analysed_views=frozenset(
            (laterality, view)
            for state, laterality, view, is_standard in rows
            if is_standard and state is InstanceState.ANALYSED
        ),
        unfinished=sum(state in UNFINISHED_INSTANCE for state, *_ in rows),
        is_being_sent=bool(is_being_sent),
    )
