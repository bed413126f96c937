"""What the node's tables say of the demo's study, read once for a progress bar or a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from node.db.boxes import findings_of
from node.db.tables import Analysis, AuditEvent, Delivery, Instance, Result, Study
from node.states import UNFINISHED_INSTANCE, DeliveryState, InstanceState, StudyState

ENDED_DELIVERY: Final = frozenset(
    {DeliveryState.DELIVERED, DeliveryState.CONFIRMED, DeliveryState.FAILED}
)


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image: its state, and the findings of its last analysis."""

    sop_instance_uid: str
    laterality: str
    view: str
    state: InstanceState
    reason: str
    scores: tuple[float, ...]
    seconds: float | None
    model: str


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One result and its way to one destination."""

    kind: str
    sop_instance_uid: str
    source_uid: str
    bytes: int
    destination: str
    state: DeliveryState
    attempts: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class StudyRows:
    """One study at one moment; ``state`` is None before its first image is recorded."""

    state: StudyState | None
    reason: str
    images: tuple[ImageRow, ...]
    deliveries: tuple[DeliveryRow, ...]

    @property
    def analysed(self) -> int:
        """How many images need no more work."""
        return sum(image.state not in UNFINISHED_INSTANCE for image in self.images)

    @property
    def delivered(self) -> int:
        """How many results arrived."""
        return sum(row.state is not DeliveryState.FAILED for row in self._ended)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen without a new image or a person."""
        if self.state is StudyState.FAILED:
            return True
        return self.state is StudyState.REPORTED and len(self._ended) == len(self.deliveries)

    @property
    def _ended(self) -> tuple[DeliveryRow, ...]:
        return tuple(row for row in self.deliveries if row.state in ENDED_DELIVERY)


def read_study(session: Session, study_instance_uid: str) -> StudyRows:
    """Read the study's rows, its images in the order they came."""
    study = session.scalar(select(Study).where(Study.study_instance_uid == study_instance_uid))
    if study is None:
        return StudyRows(None, "", (), ())
    instances = session.scalars(
        select(Instance)
        .where(Instance.study_id == study.id)
        .options(selectinload(Instance.analyses).selectinload(Analysis.findings))
        .order_by(Instance.id)
    ).all()
    deliveries = session.scalars(
        select(Delivery)
        .join(Delivery.result)
        .where(Result.study_id == study.id)
        .options(joinedload(Delivery.result))
        .order_by(Delivery.id)
    ).all()
    sources = {instance.id: instance.sop_instance_uid for instance in instances}
    return StudyRows(
        state=study.state,
        reason=study.reason,
        images=tuple(_image(instance) for instance in instances),
        deliveries=tuple(_delivery(delivery, sources) for delivery in deliveries),
    )


def read_audit(session: Session, study_instance_uid: str) -> list[AuditEvent]:
    """Read the study's lines of the audit log, oldest first."""
    return list(
        session.scalars(
            select(AuditEvent)
            .where(AuditEvent.study_instance_uid == study_instance_uid)
            .order_by(AuditEvent.id)
        )
    )


def _image(row: Instance) -> ImageRow:
    analysis = row.analyses[-1] if row.analyses else None
    return ImageRow(
        sop_instance_uid=row.sop_instance_uid,
        laterality=row.laterality,
        view=row.view,
        state=row.state,
        reason=row.reason,
        scores=tuple(found.score for found in findings_of(analysis)) if analysis else (),
        seconds=_between(analysis.started_at, analysis.finished_at) if analysis else None,
        model=f"{analysis.model_name} {analysis.model_version}" if analysis else "",
    )


def _delivery(row: Delivery, sources: Mapping[int, str]) -> DeliveryRow:
    source = row.result.source_instance_id
    return DeliveryRow(
        kind=row.result.kind,
        sop_instance_uid=row.result.sop_instance_uid,
        source_uid=sources.get(source, "") if source is not None else "",
        bytes=row.result.bytes,
        destination=row.destination,
        state=row.state,
        attempts=row.attempts,
        seconds=_between(row.result.created_at, row.delivered_at),
    )


def _between(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else (end - start).total_seconds()
