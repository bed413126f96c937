"""What must hold after every cell, whatever happened in it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.db import audit
from node.db.tables import Analysis, Association, AuditEvent, Delivery, Instance, Result, Study
from node.demo.data_set import data_set_offset
from node.states import UNFINISHED_INSTANCE, DeliveryState, InstanceState, StudyState
from workers.selftest.order import order_problems
from workers.selftest.scratch_image import SOP_INSTANCE

if TYPE_CHECKING:
    from pathlib import Path

    from workers.selftest.bench import Bench


def violations(bench: Bench, *, repeats: bool = False) -> list[str]:
    """Say everything that is wrong with the installation, now that all has ended.

    Parameters
    ----------
    repeats : bool
        Whether a result may have reached the destination more than once, because a sender
        ended between the answer and its row: the same UID and the same bytes.
    """
    with bench.rows() as session:
        found = [
            *_received(bench, session),
            *_studies(session),
            *_results(bench, session, repeats=repeats),
            *_audit(session),
        ]
    found += _files(bench)
    for trace in bench.order_traces:
        found += order_problems(trace)
    return found


def half_received(bench: Bench) -> list[str]:
    """Name the files of data sets that a dead SCP was receiving, if any are left."""
    return [
        f"spool/.../{path.name}: half-received, and still there after the restart"
        for path in sorted(bench.layout.spool.rglob("*.part"))
    ]


def _received(bench: Bench, session: Session) -> Iterator[str]:
    rows = session.scalars(select(Instance)).all()
    uids = Counter(row.sop_instance_uid for row in rows)
    if not bench.answered:
        yield f"instance {SOP_INSTANCE}: sent again and again, and never answered with success"
    elif uids[SOP_INSTANCE] != 1:
        yield f"instance {SOP_INSTANCE}: answered with success, has {uids[SOP_INSTANCE]} rows"
    wanted = hashlib.sha256(bench.image).hexdigest()
    for row in rows:
        uid = row.sop_instance_uid
        if row.state in UNFINISHED_INSTANCE:
            yield f"instance {uid}: still {row.state}, no disposition"
        if row.state is InstanceState.FAILED:
            yield f"instance {uid}: FAILED with {row.reason}"
        if row.sha256 != wanted:
            yield f"instance {uid}: its row names other bytes than were sent"
        if _data_set_digest(bench.layout.absolute(row.path)) != row.sha256:
            yield f"instance {uid}: its file {row.path} is not there or has other bytes"
        analyses = len(
            session.scalars(select(Analysis.id).where(Analysis.instance_id == row.id)).all()
        )
        if analyses != (row.state is InstanceState.ANALYSED):
            yield f"instance {uid}: {row.state} with {analyses} analyses"


def _studies(session: Session) -> Iterator[str]:
    for row in session.scalars(select(Study)):
        if row.state is not StudyState.REPORTED:
            yield f"study {row.study_instance_uid}: ended as {row.state}"
    left_open = session.scalars(select(Association.id).where(Association.closed_at.is_(None)))
    for number in left_open:
        yield f"association {number}: still open, though its SCP is gone"


def _results(bench: Bench, session: Session, *, repeats: bool) -> Iterator[str]:
    rows = session.scalars(select(Result)).all()
    once = Counter((row.study_id, row.generation, row.kind, row.source_instance_id) for row in rows)
    for key, times in once.items():
        if times > 1:
            yield f"the {key[2]} of study {key[0]} was made {times} times, under several UIDs"
    arrivals, kept = bench.pacs.memory()
    for uid in sorted(set(arrivals) - {row.sop_instance_uid for row in rows}):
        yield f"object {uid} reached the destination and has no row"
    for row in rows:
        uid = row.sop_instance_uid
        path = bench.layout.absolute(row.path)
        if _file_digest(path) != row.sha256:
            yield f"result {uid}: its file {row.path} is not there or has other bytes"
            continue
        came = arrivals.get(uid, [])
        if set(came) - {_data_set_digest(path)}:
            yield f"result {uid}: other bytes reached the destination"
        if len(came) > 1 and not repeats:
            yield f"result {uid}: reached the destination {len(came)} times"
        yield from _deliveries(session, row, arrived=bool(came), kept=uid in kept)


def _deliveries(session: Session, result: Result, *, arrived: bool, kept: bool) -> Iterator[str]:
    uid = result.sop_instance_uid
    rows = session.scalars(select(Delivery).where(Delivery.result_id == result.id)).all()
    if len(rows) != 1:
        yield f"result {uid}: {len(rows)} deliveries for one destination"
    for row in rows:
        if row.state in (DeliveryState.DELIVERED, DeliveryState.CONFIRMED):
            if not arrived:
                yield f"result {uid}: {row.state}, but the destination never got it"
            elif row.state is DeliveryState.CONFIRMED and not kept:
                yield f"result {uid}: CONFIRMED, but the destination does not have it"
            if row.state is DeliveryState.DELIVERED:
                yield f"result {uid}: DELIVERED, but never CONFIRMED"
        elif row.state is not DeliveryState.FAILED:
            yield f"result {uid}: its delivery ended as {row.state}: {row.last_error}"


def _audit(session: Session) -> Iterator[str]:
    problem = audit.verify(session).problem
    if problem is not None:
        yield f"the audit chain does not verify: {problem}"
    said: dict[tuple[str, int | None], str] = {}
    for event in session.scalars(
        select(AuditEvent).where(AuditEvent.new != "").order_by(AuditEvent.id)
    ):
        key = (event.entity, event.entity_id)
        if event.old != said.get(key, ""):
            yield f"audit event {event.id}: {event.entity} was {event.old} without a line"
        said[key] = event.new
    for table in (Instance, Study, Delivery):
        row: Any
        for row in session.scalars(select(table)):
            last = said.get((table.__tablename__, row.id), "")
            if row.state != last:
                yield f"{table.__tablename__} {row.id}: is {row.state}, its audit says {last!r}"


def _files(bench: Bench) -> Iterator[str]:
    root = bench.layout.root
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        relative = path.relative_to(root).as_posix()
        folder = relative.split("/")[0]
        if path.suffix == ".part":
            yield f"{relative}: half-written, and still there after the restart"
        elif folder in _NAMED_BY and _NAMED_BY[folder](path) != path.name.split(".")[0]:
            yield f"{relative}: its bytes are not those of its name"


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _data_set_digest(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        stream.seek(data_set_offset(stream))
        return hashlib.file_digest(stream, "sha256").hexdigest()


_NAMED_BY: Final = {"results": _file_digest, "instances": _data_set_digest}
"""Folders whose files have a checksum of theirs for a name."""
