"""`mgnode instances`: every received image, and how a person sets one aside."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from node.cli.context import (
    ConfigOption,
    JsonOption,
    opened_database,
    operator,
    print_json,
    print_table,
)
from node.cli.tables import table
from node.clock import utc_now
from node.db.set_aside import is_set_aside, set_aside
from node.db.tables import Instance
from node.errors import NodeError
from node.states import UNFINISHED_INSTANCE, InstanceState

app = typer.Typer(no_args_is_help=True, help="Received images, one by one.")

LONGEST_REASON = 1000


class CannotSetAside(NodeError):
    """The image is not there, or not in a state to set it aside."""


@app.command("list")
def list_instances(
    config: ConfigOption = None,
    state: Annotated[InstanceState | None, typer.Option(help="Only images in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Most rows to print.")] = 50,
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only images that were given up; as --state FAILED.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List received images, the newest first."""
    if failed:
        state = InstanceState.FAILED
    query = (
        select(Instance)
        .options(joinedload(Instance.study))
        .order_by(Instance.received_at.desc(), Instance.id.desc())
        .limit(limit)
    )
    if state is not None:
        query = query.where(Instance.state == state)
    with opened_database(config) as database, database.read() as session:
        rows = [_values(row) for row in session.scalars(query)]
    if as_json:
        print_json(rows)
        return
    columns = {
        "received": "received_at",
        "SOP Instance UID": "sop_instance_uid",
        "Study Instance UID": "study_instance_uid",
        "side": "laterality",
        "view": "view",
        "state": "state",
        "reason": "reason",
        "attempts": "attempts",
    }
    cells = [[row[key] for key in columns.values()] for row in rows]
    print_table(table("Images", list(columns), cells))


@app.command()
def show(
    sop_instance_uid: Annotated[str, typer.Argument(help="SOP Instance UID of the image.")],
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show one image, and where its last failed attempt ended."""
    with opened_database(config) as database, database.read() as session:
        row = session.scalar(select(Instance).where(Instance.sop_instance_uid == sop_instance_uid))
        values = None if row is None else _values(row)
    if values is None:
        typer.echo(f"no image {sop_instance_uid}; `mgnode instances list` names them", err=True)
        raise typer.Exit(1)
    if as_json:
        print_json(values)
        return
    traceback = values.pop("traceback")
    print_table(table("Image", ["column", "value"], [[k, v] for k, v in values.items()]))
    if traceback:
        typer.echo(f"The last attempt ended here:\n{traceback}")


@app.command()
def reject(
    sop_instance_uid: Annotated[str, typer.Argument(help="SOP Instance UID of the image.")],
    reason: Annotated[
        str, typer.Option(help="Why, for the audit log; without the patient's name or ID.")
    ],
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Set one image aside for good: its study is reported again without it.

    The image stays stored, and setting it aside cannot be taken back.
    """
    why = reason.strip()
    if not 0 < len(why) <= LONGEST_REASON:
        raise typer.BadParameter(f"wants 1 to {LONGEST_REASON} characters", param_hint="'--reason'")
    with opened_database(config) as database, database.begin() as session:
        row = _to_set_aside(session, sop_instance_uid)
        set_aside(session, row, why=why, at=utc_now(), actor=operator("instances reject"))
        study = row.study.study_instance_uid
    if as_json:
        print_json({"sop_instance_uid": sop_instance_uid, "study_instance_uid": study})
    else:
        typer.echo(f"set aside; study {study} is reported again without it")


def _to_set_aside(session: Session, sop_instance_uid: str) -> Instance:
    row = session.scalar(select(Instance).where(Instance.sop_instance_uid == sop_instance_uid))
    if row is None:
        raise CannotSetAside(f"no image {sop_instance_uid}; `mgnode instances list` names them")
    if row.state in UNFINISHED_INSTANCE:
        raise CannotSetAside(f"image {sop_instance_uid} is {row.state}: wait for its analysis")
    if is_set_aside(row):
        raise CannotSetAside(f"image {sop_instance_uid} is set aside already")
    return row


def _values(row: Instance) -> dict[str, Any]:
    return {
        "sop_instance_uid": row.sop_instance_uid,
        "study_instance_uid": row.study.study_instance_uid,
        "series_instance_uid": row.series_instance_uid,
        "sop_class_uid": row.sop_class_uid,
        "received_at": row.received_at,
        "laterality": row.laterality,
        "view": row.view,
        "state": row.state.value,
        "reason": row.reason,
        "detail": row.detail,
        "attempts": row.attempts,
        "path": row.path,
        "finished_at": row.finished_at,
        "removed_at": row.removed_at,
        "traceback": row.traceback,
    }
