"""`mgnode retry`: put back what FAILED, what a decoder gave up, and what was not confirmed."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from node.cli.context import ConfigOption, JsonOption, load, opened_database, operator, print_json
from node.clock import utc_now
from node.db.analysis import replay_instance
from node.db.deliveries import replay_delivery, send_now
from node.db.reporting import replay_study
from node.db.retention import removed_images
from node.db.studies import reopen_study
from node.db.tables import Delivery, Instance, Result, Study
from node.dicom.reasons import CUT_SHORT
from node.states import UNFINISHED_INSTANCE, DeliveryState, InstanceState, StudyState
from node.store.files import RESULT_FILE_DAMAGED, intact
from node.store.paths import Layout

_FAILED: Final = Instance.state == InstanceState.FAILED
_CUT_SHORT: Final = and_(Instance.state == InstanceState.REJECTED, Instance.reason.in_(CUT_SHORT))


def retry(
    study_instance_uid: Annotated[
        str | None, typer.Argument(help="Study Instance UID; without it, --all is needed.")
    ] = None,
    config: ConfigOption = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every study.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try again now what FAILED or was not confirmed, and what waits to be sent later.

    Of a study that is named also images whose decoding was cut short: raise its limit first.
    """
    if (study_instance_uid is None) != everything:
        typer.echo("name one study, or give --all", err=True)
        raise typer.Exit(2)
    with opened_database(config) as database, database.begin() as session:
        studies = _studies(study_instance_uid)
        exists = session.scalar(studies.limit(1)) is not None
        layout = Layout(load(config).storage.root)
        counts = _replay(session, studies, layout, cut_short=not everything)
    if study_instance_uid is not None and not exists:
        typer.echo(f"no study {study_instance_uid}; `mgnode studies list` names them", err=True)
        raise typer.Exit(1)
    if as_json:
        print_json(counts)
    else:
        typer.echo(", ".join(f"{count} {name}" for name, count in counts.items()) + " put back")


def _studies(study_instance_uid: str | None) -> Select[int]:
    query = select(Study.id)
    if study_instance_uid is not None:
        query = query.where(Study.study_instance_uid == study_instance_uid)
    return query


def _can_be_sent(layout: Layout, delivery: Delivery) -> bool:
    if not delivery.last_error.startswith(RESULT_FILE_DAMAGED):
        return True
    result = delivery.result
    return intact(layout.absolute(result.path), sha256=result.sha256, size=result.bytes)


def _to_report_again(result: Result) -> Study | None:
    """Give the study whose newest report is lost: another one supersedes it."""
    study = result.study
    if study.state is not StudyState.REPORTED or result.source_instance_id is not None:
        return None
    # The next report is by the model of the study, and supersedes that model's alone.
    successors = [
        other
        for other in study.results
        if (other.kind, other.first_instance_id) == (result.kind, result.first_instance_id)
        and other.model == result.model
        and other.generation > result.generation
        and not _destinations(other).isdisjoint(_destinations(result))
    ]
    return study if result.model == study.model and not successors else None


def _destinations(result: Result) -> set[str]:
    return {delivery.destination for delivery in result.deliveries}


def _to_analyse(session: Session, studies: Select[int], *, cut_short: bool) -> list[Instance]:
    """Give the images to put back; whoever retries every study has no limit in mind."""
    wanted = or_(_FAILED, _CUT_SHORT) if cut_short else _FAILED
    rows = session.scalars(
        select(Instance)
        .options(joinedload(Instance.study))
        .where(wanted, Instance.study_id.in_(studies))
    ).all()
    gone = {study: removed_images(session, study) for study in {row.study_id for row in rows}}
    for row in {row.study for row in rows if gone[row.study_id]}:
        typer.echo(
            f"{gone[row.id]} images of study {row.study_instance_uid} were removed by the "
            "retention policy: have them sent again, then retry",
            err=True,
        )
    return [row for row in rows if not gone[row.study_id]]


def _replay(
    session: Session, studies: Select[int], layout: Layout, *, cut_short: bool
) -> dict[str, int]:
    now = utc_now()
    actor = operator("retry")
    instances = _to_analyse(session, studies, cut_short=cut_short)
    for instance in instances:
        replay_instance(session, instance, at=now, actor=actor)
    # An image that is analysed opens its study again: a report now would be made twice.
    still_to_come = select(Instance.study_id).where(Instance.state.in_(UNFINISHED_INSTANCE))
    reports = session.scalars(
        select(Study).where(
            Study.state == StudyState.FAILED,
            Study.id.in_(studies),
            Study.id.not_in(still_to_come),
        )
    ).all()
    for study in reports:
        replay_study(session, study, at=now, actor=actor)
    of_studies = (
        select(Delivery)
        .join(Delivery.result)
        .options(contains_eager(Delivery.result).joinedload(Result.study))
        .where(Result.study_id.in_(studies))
    )
    failed, lost = [], {}
    stuck = or_(Delivery.state == DeliveryState.FAILED, Delivery.alarmed_at.is_not(None))
    for delivery in session.scalars(of_studies.where(stuck)):
        if _can_be_sent(layout, delivery):
            failed.append(delivery)
        else:
            lost[delivery.result.id] = delivery.result
    reopened = [study for study in map(_to_report_again, lost.values()) if study is not None]
    for study in reopened:
        reopen_study(session, study, at=now, actor=actor, reason=RESULT_FILE_DAMAGED)
    for result in lost.values():
        if result.source_instance_id is not None:
            typer.echo(
                f"the file of result {result.sop_instance_uid} is missing or damaged: put back "
                f"{result.path} below storage.root from a backup, and retry",
                err=True,
            )
    for delivery in failed:
        replay_delivery(session, delivery, at=now, actor=actor)
    waiting = session.scalars(
        of_studies.where(Delivery.state == DeliveryState.PENDING, Delivery.not_before.is_not(None))
    ).all()
    for delivery in waiting:
        send_now(delivery)
    return {
        "images": len(instances),
        "reports": len(reports) + len(reopened),
        "deliveries": len(failed) + len(waiting),
    }
