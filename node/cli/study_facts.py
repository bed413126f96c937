"""What the rows say of one study, with a sentence wherever they hold a keyword."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from node.db.boxes import findings_of
from node.db.refusals import refused_stores
from node.db.separations import disagreement
from node.db.tables import Analysis, Delivery, Instance, Result, Study
from node.dicom.outcome import sentence
from node.states import DeliveryState, InstanceState

_WAITING: Final = {
    InstanceState.RECEIVED: "Waits for dispatch to queue it.",
    InstanceState.QUEUED: "Waits for an analysis worker.",
    InstanceState.ANALYSING: "An analysis worker has it.",
}


def study_facts(session: Session, study_instance_uid: str) -> dict[str, Any] | None:
    """Read everything of one study; None when there is none."""
    study = session.scalar(
        select(Study)
        .where(Study.study_instance_uid == study_instance_uid)
        .options(
            selectinload(Study.instances)
            .selectinload(Instance.analyses)
            .selectinload(Analysis.findings),
            selectinload(Study.results).selectinload(Result.deliveries),
        )
    )
    if study is None:
        return None
    refused = [asdict(refusal) for refusal in refused_stores(session, study_instance_uid)]
    return {
        "study_instance_uid": study.study_instance_uid,
        "source_ae": study.source_ae,
        "state": study.state.value,
        "reason": study.reason,
        "traceback": study.traceback,
        "completed_because": study.completed_because,
        "first_received_at": study.first_received_at,
        "last_received_at": study.last_received_at,
        "completed_at": study.completed_at,
        "reported_at": study.reported_at,
        "generation": study.generation,
        "model": study.model,
        "disagreement": disagreement(session, study),
        "instances": [_instance(row) for row in study.instances],
        "refused": [{**refusal, "words": sentence(refusal["reason"])} for refusal in refused],
        "results": [
            {
                **_result(study, result),
                **_delivery(delivery),
                "words": _delivery_in_words(delivery) + _file_in_words(result),
            }
            for result in study.results
            for delivery in (*result.deliveries, *([] if result.deliveries else [None]))
        ],
        "deliveries": _counted(study),
    }


def _instance(row: Instance) -> dict[str, Any]:
    analysis = row.analyses[-1] if row.analyses else None
    findings = findings_of(analysis) if analysis else []
    return {
        "sop_instance_uid": row.sop_instance_uid,
        "laterality": row.laterality,
        "view": row.view,
        "state": row.state.value,
        "reason": row.reason,
        "words": (_instance_in_words(row, analysis) + _file_in_words(row)).strip(),
        "detail": row.detail,
        "removed_at": row.removed_at,
        "traceback": row.traceback,
        "attempts": row.attempts,
        "model": analysis.model_name if analysis else "",
        "boxes": len(findings),
        "best_score": round(findings[0].score, 4) if findings else None,
    }


def _instance_in_words(row: Instance, analysis: Analysis | None) -> str:
    if row.state is InstanceState.ANALYSED:
        return " ".join(sentence(note) for note in (analysis.notes if analysis else []))
    if row.state is InstanceState.REJECTED:
        return sentence(row.reason)
    if row.state is InstanceState.FAILED:
        return f"Given up after {row.attempts} attempts; `mgnode retry` tries again."
    tried = f" Attempt {row.attempts} failed: {sentence(row.reason)}" if row.reason else ""
    return _WAITING[row.state] + tried


def _file_in_words(row: Instance | Result) -> str:
    if row.removed_at is None:
        return ""
    return f" The retention policy removed the file on {row.removed_at:%Y-%m-%d}."


def _result(study: Study, row: Result) -> dict[str, Any]:
    source = next((each for each in study.instances if each.id == row.source_instance_id), None)
    return {
        "kind": row.kind,
        "generation": row.generation,
        "model": row.model,
        "of": f"{source.laterality} {source.view}".strip() if source else "study",
        "of_image": source.sop_instance_uid if source else None,
        "created_at": row.created_at,
        "superseded_by": _successor(study, row),
        "removed_at": row.removed_at,
        "sop_instance_uid": row.sop_instance_uid,
    }


def _successor(study: Study, row: Result) -> int | None:
    """Give the report that took this object's place at a destination of it."""

    def takes_its_place(other: Result) -> bool:
        parted = None not in (row.first_instance_id, other.first_instance_id)
        return (
            other.generation > row.generation
            and (other.kind, other.model) == (row.kind, row.model)
            and other.source_instance_id == row.source_instance_id
            and not (parted and other.first_instance_id != row.first_instance_id)
            and (not _places(row) or not _places(row).isdisjoint(_places(other)))
        )

    return min((each.generation for each in study.results if takes_its_place(each)), default=None)


def _places(row: Result) -> set[str]:
    return {delivery.destination for delivery in row.deliveries}


def _delivery(row: Delivery | None) -> dict[str, Any]:
    return {
        "destination": row.destination if row else None,
        "state": row.state.value if row else None,
        "attempts": row.attempts if row else None,
        "not_before": row.not_before if row else None,
        "last_error": row.last_error if row else None,
        "traceback": row.traceback if row else None,
        "delivered_at": row.delivered_at if row else None,
        "confirmed_at": row.confirmed_at if row else None,
        "unconfirmed_since": row.alarmed_at if row else None,
    }


def _delivery_in_words(row: Delivery | None) -> str:
    if row is None:
        return "Sent nowhere: no destination is due it."
    match row.state:
        case DeliveryState.PENDING if row.times_lost:
            return f"The destination lost it {row.times_lost} times; waits to be sent again."
        case DeliveryState.PENDING if row.attempts:
            return f"Attempt {row.attempts} failed: {row.last_error}. It is tried again."
        case DeliveryState.PENDING:
            return "Waits to be sent."
        case DeliveryState.SENDING:
            return "A worker sends it."
        case DeliveryState.DELIVERED if row.alarmed_at:
            return "Taken, and not confirmed in time: look into the destination."
        case DeliveryState.DELIVERED if row.confirm_at:
            return "Taken; it will be asked whether it keeps it."
        case DeliveryState.DELIVERED:
            return "Taken."
        case DeliveryState.CONFIRMED:
            return "Taken, and kept as it says."
        case DeliveryState.FAILED:
            return f"Given up: {row.last_error}. `mgnode retry` sends it again."


def _counted(study: Study) -> dict[str, dict[str, int]]:
    """Count the deliveries of each destination by state."""
    counts: dict[str, Counter[str]] = {}
    for result in study.results:
        for delivery in result.deliveries:
            counts.setdefault(delivery.destination, Counter())[delivery.state.value] += 1
    return {name: dict(counted) for name, counted in counts.items()}
