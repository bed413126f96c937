"""`mgnode audit`: the append-only log of everything that happened."""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Any, Final

import typer
from sqlalchemy import or_, select

from config.settings import Settings
from node.cli.context import (
    ConfigOption,
    JsonOption,
    load,
    opened_database,
    print_json,
    print_table,
)
from node.cli.tables import table
from node.db.audit_problems import AT_MOST
from node.db.audit_row import Head
from node.db.audit_verification import ExportedHeads, Verification, verify_log
from node.db.tables import AuditEvent
from node.dispatch.checkpoints import required_key
from node.store.audit_key import PublicKeys, load_public_keys, make_key, public_file
from node.store.head_file import read_heads, size_of

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


@app.command()
def key(
    config: ConfigOption = None,
    *,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make another key in the place of the one there.")
    ] = False,
    if_none: Annotated[
        bool, typer.Option("--if-none", help="Leave a key that is there as it is.")
    ] = False,
    show_public: Annotated[
        bool, typer.Option("--public", help="Print the public key instead of making one.")
    ] = False,
) -> None:
    """Make the key that signs checkpoints; keep its public half where verifiers are."""
    settings = load(config)
    path = settings.audit_key_file
    if show_public:
        typer.echo(required_key(settings).public_pem().decode(), nl=False)
        return
    if if_none and path.exists():
        typer.echo(f"private key {path} is there already")
        return
    made = make_key(path, replace=rotate)
    typer.echo(f"private key {path}")
    typer.echo(f"public key {public_file(path, made.key_id)}: copy it to where you verify")


def _head(text: str) -> Head:
    found = _HEAD.fullmatch(text.strip().lower())
    if found is None:
        raise typer.BadParameter("wants ID:HASH as `mgnode audit verify` printed it")
    return Head(int(found["id"]), found["hash"])


@app.command()
def verify(
    config: ConfigOption = None,
    noted: Annotated[
        Head | None,
        typer.Option(
            "--head",
            metavar="ID:HASH",
            parser=_head,
            help="A head that was noted earlier: the chain must hold this event with this hash.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=100_000, help="Most problems to list; all are counted.")
    ] = AT_MOST,
    *,
    as_json: JsonOption = False,
) -> None:
    """Check every event, checkpoint and exported head; exit status 1 and a list if one is wrong.

    A row that was changed, removed, put in or moved is named; so are a chain that was computed
    anew and an end that was cut off, where a checkpoint or an exported head shows it.
    """
    settings = load(config)
    keys = load_public_keys(settings.audit_public_keys) if _signs(settings) else PublicKeys()
    exported = _exported(settings)
    with opened_database(config) as database, database.snapshot() as session:
        found = verify_log(session, keys=keys, exported=exported, noted=noted, at_most=limit)
    if as_json:
        print_json(_found(found))
    elif not found.problems:
        head = "" if found.head is None else f"; head {found.head.id}:{found.head.hash}"
        typer.echo(
            f"{found.checked} events, the chain is whole; {found.checkpoints} checkpoints and "
            f"{found.exported} exported heads agree{head}"
        )
    else:
        for problem in found.problems:
            typer.echo(f"{problem.kind}: {problem}", err=True)
        typer.echo(f"{found.total} problems in {found.checked} events", err=True)
    if not as_json and found.void:
        typer.echo(f"{found.void} exported heads are of what a restore left behind")
    if found.problems:
        raise typer.Exit(1)


def _signs(settings: Settings) -> bool:
    return bool(settings.audit.public_keys) or settings.audit_key_file.parent.is_dir()


def _exported(settings: Settings) -> ExportedHeads:
    """Read the file as it is now: what is appended later the snapshot may not have."""
    path = settings.audit.head_file
    if path is None:
        return lambda: iter(())
    return partial(read_heads, path, size=size_of(path))


def _found(found: Verification) -> dict[str, Any]:
    return {
        "checked": found.checked,
        "problem": found.problem,
        "first_bad_id": found.first_bad_id,
        "problems": [{**vars(problem), "text": str(problem)} for problem in found.problems],
        "total_problems": found.total,
        "checkpoints": found.checkpoints,
        "exported_heads": found.exported,
        "void_heads": found.void,
        "head": None if found.head is None else vars(found.head),
    }


def _values(row: AuditEvent) -> dict[str, Any]:
    return {column.name: getattr(row, column.key) for column in AuditEvent.__table__.columns}
