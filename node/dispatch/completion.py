"""When a study is complete: a pure rule, and the step that applies it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.settings import StudySettings
from node.db.events import Event
from node.db.studies import is_to_report
from node.db.tables import Association, Instance, Study
from node.db.transitions import move
from node.dicom.views import STANDARD_VIEWS
from node.states import UNFINISHED_INSTANCE, InstanceState, StudyState


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


def find_complete(session: Session, settings: StudySettings, *, at: datetime) -> list[int]:
    """Ids of the OPEN studies that are complete now; it only reads."""
    facts = _facts_of_open_studies(session)
    return [study_id for study_id in facts if _decide(facts[study_id], settings, at)]


def complete_study(
    session: Session, study_id: int, settings: StudySettings, *, at: datetime, actor: str
) -> None:
    """Move one OPEN study to COMPLETE if it is complete still; an image may have come."""
    facts = _facts_of_open_studies(session, study_id).get(study_id)
    because = None if facts is None else _decide(facts, settings, at)
    if because is None:
        return
    move(
        session,
        session.get_one(Study, study_id),
        StudyState.COMPLETE,
        at=at,
        event=Event.STUDY_COMPLETE,
        actor=actor,
        reason=because,
        completed_at=at,
        completed_because=because,
        published_at=None,
        not_before=None,
        lease_until=None,
        report_attempts=0,
    )


def _decide(facts: StudyFacts, settings: StudySettings, at: datetime) -> Because | None:
    return decide(
        facts,
        now=at,
        quiet=timedelta(seconds=settings.quiet_seconds),
        limit=timedelta(minutes=settings.limit_minutes),
    )


def _facts_of_open_studies(session: Session, study_id: int | None = None) -> dict[int, StudyFacts]:
    """Facts of every OPEN study, or of one, in three queries however many there are."""
    is_asked = [
        Study.state == StudyState.OPEN,
        # Without an image of its own there is nothing to report: it waits for one.
        Study.instances.any(is_to_report()),
    ]
    if study_id is not None:
        is_asked.append(Study.id == study_id)
    studies = session.execute(
        select(Study.id, Study.opened_at, Study.last_received_at).where(*is_asked)
    ).all()
    if not studies:
        return {}
    kinds = session.execute(
        select(
            Instance.study_id,
            Instance.state,
            Instance.laterality,
            Instance.view,
            Instance.is_standard_view,
            func.count(),
        )
        .join(Instance.study)
        .where(*is_asked)
        .group_by(
            Instance.study_id,
            Instance.state,
            Instance.laterality,
            Instance.view,
            Instance.is_standard_view,
        )
    ).all()
    being_sent = set(
        session.scalars(
            select(Instance.study_id)
            .join(Instance.study)
            .join(Association, Association.id == Instance.association_id)
            .where(*is_asked, Association.closed_at.is_(None))
        )
    )
    views: dict[int, set[tuple[str, str]]] = {}
    unfinished: Counter[int] = Counter()
    for study, state, laterality, view, is_standard, count in kinds:
        if is_standard and state is InstanceState.ANALYSED:
            views.setdefault(study, set()).add((laterality, view))
        if state in UNFINISHED_INSTANCE:
            unfinished[study] += count
    return {
        study: StudyFacts(
            opened_at=opened_at,
            last_received_at=last_received_at,
            analysed_views=frozenset(views.get(study, ())),
            unfinished=unfinished[study],
            is_being_sent=study in being_sent,
        )
        for study, opened_at, last_received_at in studies
    }
