"""`mgnode retry`: put back what was set aside as FAILED."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from node.cli.context import ConfigOption, JsonOption, load, print_json
from node.db.analysis import replay_instance
from node.db.deliveries import replay_delivery, send_now
from node.db.reporting import replay_study
from node.db.session import Database
from node.db.tables import Delivery, Instance, Result, Study
from node.states import DeliveryState, InstanceState, StudyState


def retry(
    study_instance_uid: Annotated[
        str | None, typer.Argument(help="Study Instance UID; without it, --all is needed.")
    ] = None,
    config: ConfigOption = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every study.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try again now what FAILED, and what waits for a later attempt to send."""
    if (study_instance_uid is None) != everything:
        typer.echo("name one study, or give --all", err=True)
        raise typer.Exit(2)
    database = Database(load(config).database_url)
    database.require_current_schema()
    with database.begin() as session:
        studies = _studies(session, study_instance_uid)
        counts = _replay(session, studies)
    if study_instance_uid is not None and not studies:
        typer.echo(f"no study {study_instance_uid}; `mgnode studies list` names them", err=True)
        raise typer.Exit(1)
    if as_json:
        print_json(counts)
    else:
        typer.echo(", ".join(f"{count} {name}" for name, count in counts.items()) + " put back")


def _studies(session: Session, study_instance_uid: str | None) -> list[int]:
    query = select(Study.id)
    if study_instance_uid is not None:
        query = query.where(Study.study_instance_uid == study_instance_uid)
    return list(session.scalars(query))


def _replay(session: Session, studies: list[int]) -> dict[str, int]:
    now = datetime.now(UTC)
    actor = f"mgnode retry by {getpass.getuser()}"
    instances = session.scalars(
        select(Instance)
        .options(joinedload(Instance.study))
        .where(Instance.state == InstanceState.FAILED, Instance.study_id.in_(studies))
    ).all()
    for instance in instances:
        replay_instance(session, instance, at=now, actor=actor)
    reports = session.scalars(
        select(Study).where(Study.state == StudyState.FAILED, Study.id.in_(studies))
    ).all()
    for study in reports:
        replay_study(session, study, at=now, actor=actor)
    of_studies = select(Delivery).join(Delivery.result).where(Result.study_id.in_(studies))
    failed = session.scalars(of_studies.where(Delivery.state == DeliveryState.FAILED)).all()
    for delivery in failed:
        replay_delivery(session, delivery, at=now, actor=actor)
    waiting = session.scalars(
        of_studies.where(Delivery.state == DeliveryState.PENDING, Delivery.not_before.is_not(None))
    ).all()
    for delivery in waiting:
        send_now(delivery)
    return {
        "images": len(instances),
        "reports": len(reports),
        "deliveries": len(failed) + len(waiting),
    }
