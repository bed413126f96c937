"""The rows of one study's images as its report needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from node.db.boxes import (
    CANDIDATE_THRESHOLDS,
    candidate_thresholds_of,
    candidates_of,
    findings_of,
)
from node.db.studies import is_to_report
from node.db.tables import Analysis, FindingRow, Instance
from node.dicom.findings import Finding
from node.dicom.geometry import Box
from node.dicom.header import InstanceFacts
from node.dicom.outcome import ANALYSIS_FAILED, PENDING_AT_TIME_LIMIT
from node.states import UNFINISHED_INSTANCE, InstanceState


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """The model of an analysis, as its row names it.

    ``parameters`` are without ``candidate_thresholds``, which change one kind of result
    alone. ``title`` and ``statement`` are empty in rows that are older than those columns.
    """

    name: str
    version: str
    weights_sha256: str
    parameters: tuple[tuple[str, Any], ...]
    title: str = ""
    statement: str = ""
    candidate_thresholds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageToReport:
    """One received image and what its rows say of it; ``candidates`` are below the threshold."""

    instance_id: int
    facts: InstanceFacts
    path: str
    not_analysed: str
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    model: ModelIdentity | None
    candidates: tuple[Finding, ...] = ()


def images_to_report(session: Session, study_id: int) -> tuple[ImageToReport, ...]:
    """Read the images of which a study's report speaks, in the order in which they came."""
    instances = session.scalars(
        select(Instance)
        .where(Instance.study_id == study_id, is_to_report())
        .options(selectinload(Instance.analyses).selectinload(Analysis.findings))
        .order_by(Instance.id)
    ).all()
    return tuple(_image(instance) for instance in instances)


def _image(row: Instance) -> ImageToReport:
    analysis = row.analyses[-1] if row.analyses else None
    if row.state is not InstanceState.ANALYSED or analysis is None:
        return ImageToReport(
            instance_id=row.id,
            facts=_facts(row),
            path=row.path,
            not_analysed=_why_not_analysed(row),
            notes=(),
            findings=(),
            model=None,
        )
    return ImageToReport(
        instance_id=row.id,
        facts=_facts(row),
        path=row.path,
        not_analysed="",
        notes=tuple(analysis.notes),
        findings=_findings(findings_of(analysis)),
        candidates=_findings(candidates_of(analysis)),
        model=ModelIdentity(
            analysis.model_name,
            analysis.model_version,
            analysis.weights_sha256,
            tuple(
                sorted(
                    (name, value)
                    for name, value in analysis.parameters.items()
                    if name != CANDIDATE_THRESHOLDS
                )
            ),
            analysis.model_title,
            analysis.model_statement,
            candidate_thresholds_of(analysis),
        ),
    )


def _findings(rows: list[FindingRow]) -> tuple[Finding, ...]:
    return tuple(Finding(Box(row.x0, row.y0, row.x1, row.y1), row.score, row.rank) for row in rows)


def _facts(row: Instance) -> InstanceFacts:
    return InstanceFacts(
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        study_instance_uid=row.study.study_instance_uid,
        series_instance_uid=row.series_instance_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        laterality=row.laterality,
        view=row.view,
        is_standard_view=row.is_standard_view,
    )


def _why_not_analysed(row: Instance) -> str:
    # An image that waits for another attempt has a reason too: that of the last one.
    if row.state in UNFINISHED_INSTANCE:
        return PENDING_AT_TIME_LIMIT
    return row.reason if row.state is InstanceState.REJECTED else ANALYSIS_FAILED
