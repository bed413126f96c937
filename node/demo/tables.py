"""The demo's tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from node.db.tables import AuditEvent
from node.demo.checks import Check
from node.demo.rows import StudyRows


def image_table(
    rows: StudyRows, names: Mapping[str, str], false_boxes: Mapping[str, int] | None = None
) -> Table:
    """One line for each image; ``names`` are the views by SOP Instance UID.

    ``false_boxes``, by SOP Instance UID too, get a column when there are any to count.
    """
    table = _table("The study")
    table.add_column("image")
    table.add_column("side and view")
    table.add_column("state")
    table.add_column("boxes", justify="right")
    if false_boxes is not None:
        table.add_column("false boxes", justify="right")
    table.add_column("best score", justify="right")
    table.add_column("seconds", justify="right")
    for image in rows.images:
        table.add_row(
            names.get(image.sop_instance_uid, image.sop_instance_uid),
            f"{image.laterality} {image.view}".strip(),
            f"{image.state} {image.reason}".strip(),
            str(len(image.scores)),
            *([] if false_boxes is None else [str(false_boxes.get(image.sop_instance_uid, 0))]),
            f"{100 * max(image.scores):.1f} %" if image.scores else "",
            _seconds(image.seconds),
        )
    return table


def result_table(rows: StudyRows, names: Mapping[str, str]) -> Table:
    """One line for each result and destination."""
    table = _table("Results and deliveries")
    table.add_column("result")
    table.add_column("of")
    table.add_column("kB", justify="right")
    table.add_column("to")
    table.add_column("state")
    table.add_column("attempts", justify="right")
    table.add_column("seconds", justify="right")
    for row in rows.deliveries:
        table.add_row(
            row.kind,
            names.get(row.source_uid, row.source_uid) or "the study",
            f"{row.bytes / 1000:.0f}",
            row.destination,
            row.state,
            str(row.attempts),
            _seconds(row.seconds),
        )
    return table


def audit_table(events: Sequence[AuditEvent], names: Mapping[str, str]) -> Table:
    """One line for each audit event, its time from the first; UIDs shown as their names."""
    # Narrow enough for a terminal of 80 columns: no id, no blanks round the arrow.
    table = _table("Audit trail of the study")
    table.add_column("s", justify="right", no_wrap=True)
    table.add_column("event", no_wrap=True)
    table.add_column("of")
    table.add_column("change", no_wrap=True)
    table.add_column("reason")
    table.add_column("who")
    first: datetime | None = events[0].at if events else None
    for event in events:
        table.add_row(
            _seconds((event.at - first).total_seconds() if first else None),
            event.event,
            names.get(event.uid, event.entity),
            f"{event.old}→{event.new}" if event.old else event.new,
            event.reason.removeprefix("status "),
            event.actor.partition("@")[0],
        )
    return table


def check_table(checks: Sequence[Check]) -> Table:
    """One line for each check."""
    table = _table("Checks")
    table.add_column("")
    table.add_column("what was checked")
    table.add_column("found")
    for check in checks:
        verdict = Text("passed", style="green") if check.passed else Text("FAILED", style="red")
        table.add_row(verdict, check.name, check.detail)
    return table


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
