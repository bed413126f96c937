"""`mgnode studies`: what became of each study, image, result and delivery."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.printable import printable
from node.cli.context import ConfigOption, JsonOption, opened_database, print_json, print_table
from node.cli.study_facts import study_facts
from node.cli.tables import table
from node.db.refusals import refused_stores
from node.db.tables import Delivery, Instance, Result, Study
from node.states import DeliveryState, InstanceState, StudyState

app = typer.Typer(no_args_is_help=True, help="Studies and what became of them.")

# Title, then the key of the rows and the key of each column.
TABLES: Final = {
    "Images": (
        "instances",
        {
            "side": "laterality",
            "view": "view",
            "state": "state",
            "reason": "reason",
            "in words": "words",
            "boxes": "boxes",
            "best score": "best_score",
            "attempts": "attempts",
            "detail": "detail",
            "SOP Instance UID": "sop_instance_uid",
        },
    ),
    "Refused": (
        "refused",
        {
            "at": "at",
            "from": "calling_ae",
            "status": "status",
            "reason": "reason",
            "in words": "words",
            "told": "comment",
            "is stored": "is_stored",
            "kept in": "quarantined",
            "SOP Instance UID": "sop_instance_uid",
        },
    ),
    "Results": (
        "results",
        {
            "report": "generation",
            "object": "kind",
            "of": "of",
            "model": "model",
            "superseded by": "superseded_by",
            "destination": "destination",
            "state": "state",
            "in words": "words",
            "next attempt": "not_before",
            "SOP Instance UID": "sop_instance_uid",
        },
    ),
}

COLUMNS: Final = {
    "received": "last_received_at",
    "Study Instance UID": "study_instance_uid",
    "from": "source_ae",
    "state": "state",
    "images": "images",
    "analysed": "analysed",
    "failed": "failed_images",
    "results": "results",
    "not sent": "failed_deliveries",
}

Limit = Annotated[int, typer.Option(min=1, max=100_000, help="Most rows to print.")]


@app.command("list")
def list_studies(
    config: ConfigOption = None,
    state: Annotated[StudyState | None, typer.Option(help="Only studies in this state.")] = None,
    limit: Limit = 50,
    *,
    as_json: JsonOption = False,
) -> None:
    """List studies, the newest first, with how many images and deliveries of each FAILED."""
    with opened_database(config) as database, database.read() as session:
        rows = _studies(session, state, limit)
    if as_json:
        print_json(rows)
        return
    cells = [[row[key] for key in COLUMNS.values()] for row in rows]
    print_table(table("Studies", list(COLUMNS), cells))


@app.command()
def show(
    study_instance_uid: Annotated[str, typer.Argument(help="Study Instance UID.")],
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show one study: its images and why one was not analysed or not taken, its results.

    Each result stands with its deliveries, and with the report that supersedes it.
    """
    with opened_database(config) as database, database.read() as session:
        found = study_facts(session, study_instance_uid)
        refused = refused_stores(session, study_instance_uid)
    if found is None:
        text = f"no study {study_instance_uid}; `mgnode studies list` names them"
        if refused:
            text = (
                f"nothing of study {study_instance_uid} is stored: its images were refused "
                f"({len(refused)} C-STORE requests); `mgnode audit list --uid` says why"
            )
        typer.echo(text, err=True)
        raise typer.Exit(1)
    if as_json:
        print_json(found)
        return
    _print_head(found)
    disputed = found["disagreement"]
    if disputed is not None:
        typer.echo(f"Its images disagree about {', '.join(disputed['attributes'])}.")
        together = [[number, uid] for number, g in enumerate(disputed["groups"], 1) for uid in g]
        together += [["none", uid] for uid in disputed["in_no_report"]]
        print_table(table("Patients and orders", ["number", "sop_instance_uid"], together))
    for title, (name, columns) in TABLES.items():
        rows = [[row[key] for key in columns.values()] for row in found[name]]
        if rows:
            print_table(table(title, list(columns), rows))
    _print_tracebacks(found)


def _print_tracebacks(found: dict[str, Any]) -> None:
    """Print where the last failed attempts ended: places in the code, and no text of an error."""
    told = {f"study {found['study_instance_uid']}": found["traceback"]}
    told |= {f"image {row['sop_instance_uid']}": row["traceback"] for row in found["instances"]}
    told |= {
        f"result {row['sop_instance_uid']} to {row['destination']}": row["traceback"]
        for row in found["results"]
    }
    for subject, text in told.items():
        if text:
            typer.echo(f"\nThe last attempt at {subject} ended here:")
            typer.echo("\n".join(f"  {line}" for line in text.splitlines()))


def _print_head(found: dict[str, Any]) -> None:
    reason = found["reason"] or found["completed_because"]
    because = f" ({reason})" if reason else ""
    report = f", report {found['generation']}" if found["generation"] else ""
    model = f" by {found['model']}" if found["model"] else ""
    typer.echo(printable(f"Study {found['study_instance_uid']} from {found['source_ae']}"))
    typer.echo(printable(f"{found['state']}{report}{model}{because}"))
    images = found["instances"]
    analysed = sum(image["state"] == InstanceState.ANALYSED for image in images)
    boxes = sum(image["boxes"] for image in images)
    text = f"{analysed} of {len(images)} images analysed, {boxes} boxes"
    missing = {row["sop_instance_uid"] for row in found["refused"] if not row["is_stored"]}
    if missing:
        text += f"; {len(missing)} more refused that never came"
    typer.echo(text)
    for destination, counts in found["deliveries"].items():
        typer.echo(f"{destination}: {', '.join(f'{n} {state}' for state, n in counts.items())}")


def _studies(session: Session, state: StudyState | None, limit: int) -> list[dict[str, Any]]:
    def count(kind: type[Instance] | type[Result], *where: Any) -> Any:
        return (
            select(func.count())
            .select_from(kind)
            .where(kind.study_id == Study.id, *where)
            .scalar_subquery()
        )

    query = (
        select(
            Study,
            count(Instance),
            count(Instance, Instance.state == InstanceState.ANALYSED),
            count(Instance, Instance.state == InstanceState.FAILED),
            count(Result),
            select(func.count())
            .select_from(Delivery)
            .join(Delivery.result)
            .where(Result.study_id == Study.id, Delivery.state == DeliveryState.FAILED)
            .scalar_subquery(),
        )
        .order_by(Study.last_received_at.desc(), Study.id.desc())
        .limit(limit)
    )
    if state is not None:
        query = query.where(Study.state == state)
    return [
        {
            "study_instance_uid": study.study_instance_uid,
            "state": study.state.value,
            "source_ae": study.source_ae,
            "last_received_at": study.last_received_at,
            "reported_at": study.reported_at,
            "reason": study.reason,
            "images": images,
            "analysed": analysed,
            "failed_images": failed,
            "results": results,
            "failed_deliveries": not_sent,
        }
        for study, images, analysed, failed, results, not_sent in session.execute(query)
    ]
