"""Deliberate bugs of dispatch and of the workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np
from sqlalchemy.orm import Session

from models.detector import Detections
from node.db import analysis, audit, outbox
from node.db.analysis import ClaimedInstance
from node.db.session import Database
from node.db.tables import Instance
from node.dicom.commitment import CommitmentReport
from node.errors import StateConflict
from node.scu import commitment
from node.scu.outcome import Outcome
from node.scu.sender import StoreAnswer, StoreAssociation
from node.states import InstanceState
from node.store import files
from workers import analyse, confirm, report

_A_CENTURY: Final = timedelta(days=36_500)


def publish_once(stack: ExitStack) -> None:
    """Never publish a second time."""
    due = outbox.instances_to_publish

    def once(session: Session, **more: Any) -> list[int]:
        return due(session, **{**more, "republish": _A_CENTURY})

    stack.enter_context(patch.object(outbox, "instances_to_publish", once))


def no_claim(stack: ExitStack) -> None:
    """Take an image that somebody has, and record what was found whoever has it now."""
    claim, leave = analysis.claim_instance, analysis._leave

    def take(session: Session, instance_id: int, **more: Any) -> ClaimedInstance | None:
        row = session.get_one(Instance, instance_id)
        if row.state is InstanceState.ANALYSING and row.lease_until is not None:
            return ClaimedInstance(
                row.id,
                row.sop_instance_uid,
                row.path,
                row.attempts,
                row.lease_until,
                row.study.model,
            )
        return claim(session, instance_id, **more)

    def leave_whatever(*arguments: Any, **more: Any) -> None:
        try:
            leave(*arguments, **more)
        except StateConflict:
            return

    stack.enter_context(patch.object(analyse, "claim_instance", take))
    stack.enter_context(patch.object(analysis, "_leave", leave_whatever))


def no_lease(stack: ExitStack) -> None:
    """Wait for a dead worker for ever."""
    stack.enter_context(patch.object(outbox, "expire_analysis_leases", lambda *_, **__: 0))


def black_image(stack: ExitStack) -> None:
    """Show the detector something at all events."""
    decode = analyse._decode

    def never_fail(runtime: Any, claim: Any) -> Any:
        try:
            return decode(runtime, claim)
        except OSError:
            return analyse._Decoded(claim, np.zeros((96, 80), np.uint8), (), runtime.clock())

    stack.enter_context(patch.object(analyse, "_decode", never_fail))


def nothing_found(stack: ExitStack) -> None:
    """Take every failure of the detector for an empty answer."""
    look = analyse._look

    def calm(model: Any, images: Any) -> Any:
        try:
            return look(model, images)
        except (RuntimeError, MemoryError):
            return [Detections((), network_seconds=0.0) for _ in images]

    stack.enter_context(patch.object(analyse, "_look", calm))


def rows_before_files(stack: ExitStack) -> None:
    """Write the files of a report when its rows are committed."""
    write, record = files.write_durably, report._record
    waiting: list[tuple[Path, bytes]] = []

    def record_first(*arguments: Any) -> None:
        record(*arguments)
        while waiting:
            write(*waiting.pop(0))

    stack.enter_context(
        patch.object(report, "write_durably", lambda path, data: waiting.append((path, data)))
    )
    stack.enter_context(patch.object(report, "_record", record_first))


def delivered_unread(stack: ExitStack) -> None:
    """Be content when an object has been sent."""
    store = StoreAssociation.store

    def hopeful(association: StoreAssociation, path: Path) -> StoreAnswer:
        return replace(store(association, path), outcome=Outcome.DELIVERED)

    stack.enter_context(patch.object(StoreAssociation, "store", hopeful))


def confirmed_by_request(stack: ExitStack) -> None:
    """Take a question that was taken for its answer."""
    ask = commitment.ask_for_commitment

    def trusting(
        destination: Any, scu: Any, transaction_uid: str, objects: Any, on_report: Any
    ) -> str:
        on_report(CommitmentReport(transaction_uid, frozenset(objects), {}))
        return ask(destination, scu, transaction_uid, objects, on_report)

    stack.enter_context(patch.object(confirm, "ask_for_commitment", trusting))


def audit_afterwards(stack: ExitStack) -> None:
    """Commit the move, then tell of it."""
    begin, append = Database.begin, audit.append

    @contextmanager
    def late(database: Database) -> Iterator[Session]:
        rows: list[dict[str, Any]] = []
        with begin(database) as session:
            session.info["late"] = rows
            yield session
        for row in rows:
            with Database.begin(database) as session:
                del session.info["late"]
                append(session, **row)

    def note(session: Session, **row: Any) -> Any:
        if "late" in session.info:
            session.flush()
            session.info["late"].append(row)
            return None
        return append(session, **row)

    stack.enter_context(patch.object(Database, "begin", late))
    stack.enter_context(patch.object(audit, "append", note))
