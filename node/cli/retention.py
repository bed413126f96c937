"""`mgnode retention`: what the retention policy has removed, and what it may remove now."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.log import configure
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
from node.db.tables import Instance, Result
from node.dispatch.retention import Retention

app = typer.Typer(no_args_is_help=True, help="Files that are removed when they were kept enough.")


@app.command()
def show(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Show the policy, what it has removed so far, and what may be removed now."""
    settings = load(config)
    now = utc_now()
    with opened_database(config) as database:
        retention = Retention(settings, database, actor=operator("retention show"))
        due = list(retention.due(at=now))
        quarantined = list(retention.due_in_quarantine(at=now))
        with database.read() as session:
            rows = [
                {
                    "files": kind.__tablename__,
                    "kept_days": days,
                    **_counted(session, kind),
                    "due_files": sum(name == kind.__tablename__ for name, _ in due),
                    "due_bytes": sum(f.bytes for name, f in due if name == kind.__tablename__),
                }
                for kind, days in (
                    (Instance, settings.retention.images_days),
                    (Result, settings.retention.results_days),
                )
            ]
    rows.append(
        {
            "files": "quarantine",
            "kept_days": settings.retention.quarantine_days,
            "stored_files": None,
            "stored_bytes": None,
            "removed_files": None,
            "due_files": len(quarantined),
            "due_bytes": sum(size for _, size, _ in quarantined),
        }
    )
    if as_json:
        print_json(rows)
        return
    columns = list(rows[0])
    shown = [
        ["for ever" if key == "kept_days" and not row[key] else row[key] for key in columns]
        for row in rows
    ]
    print_table(table("Retention", [name.replace("_", " ") for name in columns], shown))


@app.command()
def run(
    config: ConfigOption = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Name what would be removed, and remove nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove now what the policy allows, instead of when the dispatch loop comes to it."""
    settings = load(config)
    configure(settings.log, "retention")
    now = utc_now()
    with opened_database(config) as database:
        retention = Retention(settings, database, actor=operator("retention run"))
        due = _due(retention, now)
        if not dry_run:
            while retention.step(at=now):
                pass
            left = {each["path"] for each in _due(retention, now)}
            due = [each for each in due if each["path"] not in left]
    if as_json:
        print_json(due)
        return
    for each in due:
        typer.echo(f"{each['path']}  {each['bytes']} bytes  {each['sop_instance_uid']}".rstrip())
    said = "would be removed" if dry_run else "removed"
    typer.echo(f"{len(due)} files, {sum(each['bytes'] for each in due)} bytes {said}")


def _due(retention: Retention, now: datetime) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"path": each.path, "bytes": each.bytes, "sop_instance_uid": each.sop_instance_uid}
        for _, each in retention.due(at=now)
    ]
    return found + [
        {"path": f"quarantine/{path.name}", "bytes": size, "sop_instance_uid": ""}
        for path, size, _ in retention.due_in_quarantine(at=now)
    ]


def _counted(session: Session, kind: type[Instance] | type[Result]) -> dict[str, Any]:
    stored = select(func.count(), func.coalesce(func.sum(kind.bytes), 0)).where(
        kind.removed_at.is_(None)
    )
    files, size = session.execute(stored).one()
    removed = session.scalar(select(func.count()).where(kind.removed_at.is_not(None)))
    return {"stored_files": files, "stored_bytes": int(size), "removed_files": removed}
