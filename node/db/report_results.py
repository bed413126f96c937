"""The rows of the objects that a report made, and of their way to the destinations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from node.db import audit
from node.db.events import Event
from node.db.tables import Analysis, Delivery, Instance, Result, Study
from node.states import DeliveryState


@dataclass(frozen=True, slots=True)
class EarlierResult:
    """One object of an earlier generation, and the destinations that it is due at.

    ``reference`` is its SOP Class, SOP Instance and Series Instance UID. ``first_instance_id``
    is the first image of the patient whose it is, ``first_path`` that image's file. ``model``
    is the one that a person asked for, ``algorithm`` names the one that had looked.
    """

    kind: str
    generation: int
    reference: tuple[str, str, str]
    source_instance_id: int | None
    destinations: frozenset[str]
    first_instance_id: int
    first_path: str
    model: str
    algorithm: str
    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class BuiltResult:
    """One object whose file is durable."""

    kind: str
    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    sha256: str
    bytes: int
    path: str
    source_instance_id: int | None
    first_instance_id: int


@dataclass(frozen=True, slots=True)
class DueResult:
    """One object of this generation, and who gets it; ``built`` is None when it was made before."""

    sop_instance_uid: str
    destinations: tuple[str, ...]
    built: BuiltResult | None


def earlier_results(session: Session, study_id: int) -> tuple[EarlierResult, ...]:
    """Read the results of every earlier generation of a study, the oldest first."""
    rows = session.scalars(
        select(Result)
        .where(Result.study_id == study_id)
        .options(selectinload(Result.deliveries))
        .order_by(Result.id)
    ).all()
    if not rows:
        return ()
    paths = dict(
        session.execute(
            select(Instance.id, Instance.path)
            .where(Instance.study_id == study_id)
            .order_by(Instance.id)
        ).all()
    )
    analyses = session.scalars(
        select(Analysis)
        .join(Analysis.instance)
        .where(Instance.study_id == study_id)
        .order_by(Instance.id, Analysis.id)
    ).all()
    # Results of before that column were on all images of their study.
    first_of_all = next(iter(paths))
    firsts = [row.first_instance_id or first_of_all for row in rows]
    return tuple(
        EarlierResult(
            kind=row.kind,
            generation=row.generation,
            reference=(row.sop_class_uid, row.sop_instance_uid, row.series_instance_uid),
            source_instance_id=row.source_instance_id,
            destinations=frozenset(delivery.destination for delivery in row.deliveries),
            first_instance_id=first,
            first_path=paths[first],
            model=row.model,
            algorithm=_algorithm_at(analyses, row),
            path=row.path,
            sha256=row.sha256,
            bytes=row.bytes,
        )
        for row, first in zip(rows, firsts, strict=True)
    )


def _algorithm_at(analyses: Iterable[Analysis], result: Result) -> str:
    """Name the model whose a result is: the last image's, as ``workers.study_result`` has it."""
    looked = [each for each in analyses if each.finished_at <= result.created_at]
    if not looked:
        return result.model or "the node's model, which had not looked"
    return f"{looked[-1].model_title or looked[-1].model_name} {looked[-1].model_version}"


def add_results(
    session: Session, study: Study, results: Iterable[DueResult], *, at: datetime, actor: str
) -> None:
    """Record the results of the study's newest generation, each due at its destinations."""
    for due in results:
        result = _result_row(session, study, due, at=at, actor=actor)
        _add_deliveries(session, study, result, due.destinations, at=at, actor=actor)


def _result_row(
    session: Session, study: Study, due: DueResult, *, at: datetime, actor: str
) -> Result:
    built = due.built
    if built is None:
        return session.scalars(
            select(Result).where(Result.sop_instance_uid == due.sop_instance_uid)
        ).one()
    result = Result(
        study_id=study.id,
        source_instance_id=built.source_instance_id,
        first_instance_id=built.first_instance_id,
        generation=study.generation,
        kind=built.kind,
        model=study.model,
        sop_instance_uid=built.sop_instance_uid,
        sop_class_uid=built.sop_class_uid,
        series_instance_uid=built.series_instance_uid,
        transfer_syntax_uid=built.transfer_syntax_uid,
        sha256=built.sha256,
        bytes=built.bytes,
        path=built.path,
        created_at=at,
    )
    session.add(result)
    session.flush()
    audit.append(
        session,
        at=at,
        event=Event.RESULT_CREATED,
        entity="result",
        entity_id=result.id,
        uid=built.sop_instance_uid,
        study_instance_uid=study.study_instance_uid,
        actor=actor,
        details={"kind": built.kind, "sha256": built.sha256, "bytes": built.bytes},
    )
    return result


def _add_deliveries(
    session: Session,
    study: Study,
    result: Result,
    destinations: tuple[str, ...],
    *,
    at: datetime,
    actor: str,
) -> None:
    """Make a result due where it is not yet."""
    known = {delivery.destination for delivery in result.deliveries}
    for name in destinations:
        if name in known:
            continue
        delivery = Delivery(destination=name, state=DeliveryState.PENDING, created_at=at)
        result.deliveries.append(delivery)
        session.flush()
        audit.append(
            session,
            at=at,
            event=Event.DELIVERY_CREATED,
            entity="delivery",
            entity_id=delivery.id,
            uid=result.sop_instance_uid,
            study_instance_uid=study.study_instance_uid,
            new=DeliveryState.PENDING,
            actor=actor,
            details={"destination": name},
        )
