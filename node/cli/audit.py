"""`mgnode audit`: the append-only log of everything that happened."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import typer
from sqlalchemy import or_, select

from node.cli.context import ConfigOption, JsonOption, opened_database, print_json, print_table
from node.cli.tables import table
from node.db import audit
from node.db.tables import AuditEvent

app = typer.Typer(no_args_is_help=True, help="The append-only audit log.")

_HEAD: Final = re.compile(r"(?P<id>[1-9][0-9]{0,17}):(?P<hash>[0-9a-f]{64})")

COLUMNS = ["id", "at", "event", "uid", "old", "new", "reason", "actor"]


@app.command("list")
def list_events(
    config: ConfigOption = None,
    uid: Annotated[
        str | None, typer.Option(help="Only events of this study, image or result.")
    ] = None,
    event: Annotated[str | None, typer.Option(help="Only events of this name.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Most rows to print.")] = 100,
    *,
    as_json: JsonOption = False,
) -> None:
    """List events in the order in which they happened, the newest last."""
    query = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(limit)
    if uid is not None:
        query = query.where(or_(AuditEvent.uid == uid, AuditEvent.study_instance_uid == uid))
    if event is not None:
        query = query.where(AuditEvent.event == event)
    with opened_database(config) as database, database.read() as session:
        rows = [_values(row) for row in reversed(session.scalars(query).all())]
    if as_json:
        print_json(rows)
    else:
        print_table(table("Audit", COLUMNS, [[row[key] for key in COLUMNS] for row in rows]))


@app.command()
def show(
    event_id: Annotated[int, typer.Argument(metavar="ID", help="Number of the event.")],
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show one event with its details and hashes."""
    with opened_database(config) as database, database.read() as session:
        row = session.get(AuditEvent, event_id)
        values = None if row is None else _values(row)
    if values is None:
        typer.echo(f"no audit event {event_id}", err=True)
        raise typer.Exit(1)
    if as_json:
        print_json(values)
    else:
        rows = [[key, value] for key, value in values.items()]
        print_table(table(f"Audit event {event_id}", ["column", "value"], rows))


def _head(text: str) -> audit.Head:
    found = _HEAD.fullmatch(text.strip().lower())
    if found is None:
        raise typer.BadParameter("wants ID:HASH as `mgnode audit verify` printed it")
    return audit.Head(int(found["id"]), found["hash"])


@app.command()
def verify(
    config: ConfigOption = None,
    noted: Annotated[
        audit.Head | None,
        typer.Option(
            "--head",
            metavar="ID:HASH",
            parser=_head,
            help="A head that was noted earlier: the chain must hold this event with this hash.",
        ),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Check the whole hash chain; exit status 1 when a row was changed, removed or put in."""
    with opened_database(config) as database, database.read() as session:
        found = audit.verify(session, noted=noted)
    if as_json:
        print_json(
            {
                "checked": found.checked,
                "problem": found.problem,
                "first_bad_id": found.first_bad_id,
                "head": None if found.head is None else {**vars(found.head)},
            }
        )
    elif found.problem is None:
        head = "" if found.head is None else f"; head {found.head.id}:{found.head.hash}"
        typer.echo(f"{found.checked} events, the chain is whole{head}")
    else:
        typer.echo(f"event {found.first_bad_id}: {found.problem}", err=True)
    if found.problem is not None:
        raise typer.Exit(1)


def _values(row: AuditEvent) -> dict[str, Any]:
    return {column.name: getattr(row, column.key) for column in AuditEvent.__table__.columns}
