"""`mgnode reconcile` and `mgnode queues`: what disagrees, and what waits for how long."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from config.settings import Settings
from node.cli.context import (
    ConfigOption,
    JsonOption,
    load,
    opened_database,
    operator,
    print_json,
    print_table,
)
from node.cli.tables import table
from node.clock import utc_now
from node.db.ages import queue_ages
from node.db.assurance import Discrepancy
from node.db.discrepancies import Kind, open_rows
from node.dispatch.broker import CeleryPublisher, celery_app
from node.dispatch.reconcile import Reconciler
from node.dispatch.reconcile_queues import is_too_old, limit_of

COLUMNS = ["found_at", "seen_at", "kind", "subject", "detail", "study_instance_uid"]


def reconcile(
    config: ConfigOption = None,
    *,
    now: Annotated[
        bool,
        typer.Option("--now", help="Compare everything first, all rows and files; not checksums."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List what rows, files, broker and destinations disagree about; exit status 1 for any.

    Dispatch compares all the time; what it found and what became of it is in the audit log.
    """
    settings = load(config)
    with opened_database(config) as database:
        if now:
            publisher = CeleryPublisher(celery_app(settings))
            actor = operator("reconcile")
            Reconciler(settings, database, publisher, actor=actor).whole_pass()
        with database.read() as session:
            rows = [_values(row) for row in open_rows(session)]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            table("Discrepancies", COLUMNS, [[row[key] for key in COLUMNS] for row in rows])
        )
        for kind in sorted({row["kind"] for row in rows}):
            typer.echo(f"{kind}: {Kind(kind).meaning}")
    else:
        typer.echo("nothing disagrees")
    if rows:
        raise typer.Exit(1)


def queues(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """List what waits in each queue, for how long the oldest, and how long it may."""
    settings = load(config)
    with opened_database(config) as database, database.read() as session:
        rows = queue_rows(session, settings, at=utc_now())
    if as_json:
        print_json(rows)
        return
    columns = ["queue", "waiting", "oldest", "limit", "too old", "UID of the oldest"]
    cells = [
        [
            row["queue"],
            row["count"],
            _in_words(row["oldest_age_seconds"]),
            _in_words(row["limit_seconds"]),
            row["too_old"],
            row["uid"],
        ]
        for row in rows
    ]
    print_table(table("Queues", columns, cells))


def queue_rows(session: Session, settings: Settings, *, at: datetime) -> list[dict[str, Any]]:
    """Give a row for each queue."""
    return [
        {
            "queue": age.name,
            "count": age.count,
            "oldest_since": age.oldest_since,
            "oldest_age_seconds": None
            if age.oldest_since is None
            else round(age.age_seconds(at) or 0.0, 1),
            "limit_seconds": limit_of(age.queue, settings).total_seconds(),
            "too_old": is_too_old(age, settings, at=at),
            "uid": age.uid,
        }
        for age in queue_ages(session)
    ]


def _values(row: Discrepancy) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "subject": row.subject,
        "study_instance_uid": row.study_instance_uid,
        "detail": row.detail,
        "found_at": row.found_at,
        "seen_at": row.seen_at,
    }


def _in_words(seconds: float | None) -> str:
    """Give a time in the largest unit of which there is one."""
    if seconds is None:
        return ""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
