"""What a worker does first: bring back what a worker before it on this host had in hand."""

from __future__ import annotations

import socket
from datetime import timedelta

import structlog
from sqlalchemy.orm import Session

from node.db import audit
from node.db.events import Event
from node.db.lost_work import take_back_delivery, take_back_instance, take_back_report, token_of
from node.db.tables import Delivery, Instance, Study
from node.states import DeliveryState, InstanceState, StudyState
from node.store.claim_sheet import Held, LeftSheet, Loss, left_sheets
from workers.runtime import Runtime

log = structlog.get_logger(__name__)


def take_over(runtime: Runtime) -> None:
    """Put back or set aside what the workers of this host held that are gone.

    They overran, crashed or were killed; each is told once in the audit log. What a worker
    of another host held comes back when its lease ends: dispatch reads the same sheets.
    """
    for sheet in left_sheets(runtime.layout.run):
        if sheet.host not in ("", socket.gethostname()):
            sheet.release()
            continue
        with runtime.database.begin() as session:
            back = sum(_is_back(runtime, session, held, sheet.loss(held)) for held in sheet.held)
            _note(runtime, session, sheet, back)
        sheet.remove()
        log.warning("worker_replaced", reason=sheet.reason, actor=sheet.actor, taken_back=back)


def _is_back(runtime: Runtime, session: Session, held: Held, loss: Loss) -> bool:
    """Take a row back if it stands under that claim still; say whether it did."""
    settings, at, actor = runtime.settings, runtime.clock(), runtime.actor
    limit = settings.analysis.max_attempts
    match _row(session, held):
        case Instance(state=InstanceState.ANALYSING) as image:
            take_back_instance(session, image, loss, at=at, actor=actor, max_attempts=limit)
        case Study(state=StudyState.COMPLETE) as study:
            take_back_report(session, study, loss, at=at, actor=actor, max_attempts=limit)
        case Delivery(state=DeliveryState.SENDING) as delivery:
            take_back_delivery(
                session,
                delivery,
                loss,
                at=at,
                actor=actor,
                pause=timedelta(seconds=settings.delivery.retry_first_seconds),
                give_up=timedelta(hours=settings.delivery.give_up_hours),
            )
        case _:
            return False
    return True


def _row(session: Session, held: Held) -> Instance | Study | Delivery | None:
    row: Instance | Study | Delivery | None
    match held.table:
        case "instance":
            row = session.get(Instance, held.row_id)
        case "study":
            row = session.get(Study, held.row_id)
        case _:
            row = session.get(Delivery, held.row_id)
    return row if row is not None and token_of(row) == held.token else None


def _note(runtime: Runtime, session: Session, sheet: LeftSheet, back: int) -> None:
    audit.append(
        session,
        at=runtime.clock(),
        event=Event.WORKER_REPLACED,
        entity="process",
        reason=sheet.reason,
        actor=runtime.actor,
        details={"worker": sheet.actor, "held": len(sheet.held), "taken_back": back},
    )
