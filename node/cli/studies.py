"""`mgnode studies`: what became of each study, image, result and delivery."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from node.cli.context import ConfigOption, JsonOption, opened_database, print_json, print_table
from node.cli.tables import table
from node.db.boxes import findings_of
from node.db.separations import disagreement
from node.db.tables import Analysis, Delivery, Instance, Result, Study
from node.states import InstanceState, StudyState

app = typer.Typer(no_args_is_help=True, help="Studies and what became of them.")

Limit = Annotated[int, typer.Option(min=1, max=100_000, help="Most rows to print.")]


@app.command("list")
def list_studies(
    config: ConfigOption = None,
    state: Annotated[StudyState | None, typer.Option(help="Only studies in this state.")] = None,
    limit: Limit = 50,
    *,
    as_json: JsonOption = False,
) -> None:
    """List studies, the newest first."""
    with opened_database(config) as database, database.read() as session:
        rows = _studies(session, state, limit)
    if as_json:
        print_json(rows)
        return
    columns = ["received", "Study Instance UID", "from", "state", "images", "analysed", "results"]
    keys = [
        "last_received_at",
        "study_instance_uid",
        "source_ae",
        "state",
        "images",
        "analysed",
        "results",
    ]
    print_table(table("Studies", columns, [[row[key] for key in keys] for row in rows]))


@app.command()
def show(
    study_instance_uid: Annotated[str, typer.Argument(help="Study Instance UID.")],
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show one study: its images, why one was not analysed, its results and deliveries."""
    with opened_database(config) as database, database.read() as session:
        found = _study(session, study_instance_uid)
    if found is None:
        typer.echo(f"no study {study_instance_uid}; `mgnode studies list` names them", err=True)
        raise typer.Exit(1)
    if as_json:
        print_json(found)
        return
    typer.echo(
        f"Study {found['study_instance_uid']} from {found['source_ae']}: {found['state']}"
        f" {found['reason'] or found['completed_because']}".rstrip()
    )
    disputed = found["disagreement"]
    if disputed is not None:
        typer.echo(f"Its images disagree about {', '.join(disputed['attributes'])}.")
        together = [[number, uid] for number, g in enumerate(disputed["groups"], 1) for uid in g]
        together += [["none", uid] for uid in disputed["in_no_report"]]
        print_table(table("Patients and orders", ["number", "sop_instance_uid"], together))
    for title, name in (("Images", "instances"), ("Results", "results")):
        rows = found[name]
        columns = list(rows[0]) if rows else []
        print_table(table(title, columns, [list(row.values()) for row in rows]))


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
            count(Result),
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
            "results": results,
        }
        for study, images, analysed, results in session.execute(query)
    ]


def _study(session: Session, study_instance_uid: str) -> dict[str, Any] | None:
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
    return {
        "study_instance_uid": study.study_instance_uid,
        "source_ae": study.source_ae,
        "state": study.state.value,
        "reason": study.reason,
        "completed_because": study.completed_because,
        "first_received_at": study.first_received_at,
        "completed_at": study.completed_at,
        "reported_at": study.reported_at,
        "generation": study.generation,
        "model": study.model,
        "disagreement": disagreement(session, study),
        "instances": [_instance(row) for row in study.instances],
        "results": [
            _delivery(result, delivery)
            for result in study.results
            for delivery in (*result.deliveries, *([] if result.deliveries else [None]))
        ],
    }


def _instance(row: Instance) -> dict[str, Any]:
    findings = findings_of(row.analyses[-1]) if row.analyses else []
    return {
        "sop_instance_uid": row.sop_instance_uid,
        "laterality": row.laterality,
        "view": row.view,
        "state": row.state.value,
        "reason": row.reason,
        "detail": row.detail,
        "attempts": row.attempts,
        "boxes": len(findings),
        "best_score": round(findings[0].score, 4) if findings else None,
    }


def _delivery(result: Result, delivery: Delivery | None) -> dict[str, Any]:
    return {
        "kind": result.kind,
        "generation": result.generation,
        "sop_instance_uid": result.sop_instance_uid,
        "destination": delivery.destination if delivery else None,
        "state": delivery.state.value if delivery else None,
        "attempts": delivery.attempts if delivery else None,
        "not_before": delivery.not_before if delivery else None,
        "last_error": delivery.last_error if delivery else None,
        "confirmed_at": delivery.confirmed_at if delivery else None,
        "unconfirmed_since": delivery.alarmed_at if delivery else None,
    }
