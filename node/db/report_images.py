"""The rows of one study's images as its report needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from node.db.studies import is_to_report
from node.db.tables import Analysis, Instance
from node.dicom.findings import Finding
from node.dicom.geometry import Box
from node.dicom.header import InstanceFacts
from node.dicom.outcome import ANALYSIS_FAILED, PENDING_AT_TIME_LIMIT
from node.states import UNFINISHED_INSTANCE, InstanceState


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """The model of an analysis, as its row names it.

    ``title`` and ``statement`` are empty in rows that are older than those columns.
    """

    name: str
    version: str
    weights_sha256: str
    parameters: tuple[tuple[str, Any], ...]
    title: str = ""
    statement: str = ""


@dataclass(frozen=True, slots=True)
class ImageToReport:
    """One received image and what its rows say of it."""

    instance_id: int
    facts: InstanceFacts
    path: str
    not_analysed: str
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    model: ModelIdentity | None


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
        findings=tuple(
            Finding(Box(found.x0, found.y0, found.x1, found.y1), found.score, found.rank)
            for found in analysis.findings
        ),
        model=ModelIdentity(
            analysis.model_name,
            analysis.model_version,
            analysis.weights_sha256,
            tuple(sorted(analysis.parameters.items())),
            analysis.model_title,
            analysis.model_statement,
        ),
    )


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
