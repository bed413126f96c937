"""The reckoning: where is every image, every result and every byte is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from benchmarks.soak.destinations import Archive
from benchmarks.soak.ledger import MAY_RETRY, SUCCESS, Ledger
from config.settings import Settings
from node.db import audit
from node.db.events import Event
from node.db.session import Database
from node.db.tables import AuditEvent, Delivery, Instance, Result, Study
from node.states import UNFINISHED_INSTANCE, DeliveryState, InstanceState, StudyState
from node.store.paths import Layout
from tests.part10_files import data_set_digest

_SHOWN = 5


@dataclass
class Reckoning:
    """What was found; the run has passed when there are no problems."""

    problems: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def blame(self, what: str, items: Iterable[object]) -> None:
        """Note a problem when there are such items, with the first few of them."""
        found = [str(item) for item in items]
        if found:
            shown = ", ".join(found[:_SHOWN])
            self.problems.append(f"{len(found)} {what}: {shown}")


def unfinished(database: Database) -> dict[str, int]:
    """Count what the node still has to do; empty when it is done."""
    with database.read() as session:
        waiting = {
            "images": _count(session, Instance, Instance.state.in_(UNFINISHED_INSTANCE)),
            "studies": _count(
                session, Study, Study.state.in_({StudyState.OPEN, StudyState.COMPLETE})
            ),
            "deliveries": _count(
                session,
                Delivery,
                Delivery.state.in_({DeliveryState.PENDING, DeliveryState.SENDING}),
            ),
        }
    return {name: number for name, number in waiting.items() if number}


def reckon(
    settings: Settings, database: Database, ledger: Ledger, archives: Mapping[str, Archive]
) -> Reckoning:
    """Compare what the senders were told with rows, files, destinations and audit."""
    found = Reckoning()
    with database.read() as session:
        _reckon_images(session, settings, ledger, found)
        results = _reckon_results(session, settings, found)
        _reckon_deliveries(session, settings, results, archives, found)
        _reckon_audit(session, found)
    return found


def _reckon_images(session: Session, settings: Settings, ledger: Ledger, found: Reckoning) -> None:
    rows = {row.sop_instance_uid: row for row in session.scalars(select(Instance))}
    acknowledged = {uid for uid, sent in ledger.images.items() if sent.is_acknowledged}
    answers = Counter[int | None]()
    for sent in ledger.images.values():
        answers.update(sent.answers)
    states = Counter(row.state for row in rows.values())
    final = {InstanceState.ANALYSED, InstanceState.REJECTED, InstanceState.FAILED}
    found.figures["images"] = {
        "sent": len(ledger.images),
        "answered success": len(acknowledged),
        "rows": len(rows),
        "answers": {_name(status): number for status, number in sorted(answers.items(), key=str)},
        "states": {state.value: number for state, number in states.items()},
        "set aside": dict(
            Counter(row.reason for row in rows.values() if row.state is not InstanceState.ANALYSED)
        ),
        "in studies": len({row.study_id for row in rows.values()}),
    }
    found.figures["intruders"] = dict(ledger.intrusions)
    found.blame("images answered success are lost", acknowledged - set(rows))
    found.blame("images never answered success", set(ledger.images) - acknowledged)
    found.blame("rows that nobody sent", set(rows) - set(ledger.images))
    found.blame("intruders have a row", ledger.never_valid & set(rows))
    found.blame("intruders were answered success", ledger.accepted_intruders)
    found.blame(
        "images without a final disposition",
        (uid for uid, row in rows.items() if row.state not in final),
    )
    found.blame(
        "good images were refused for good",
        (
            uid
            for uid, sent in ledger.images.items()
            if any(s not in {None, SUCCESS, *MAY_RETRY} for s in sent.answers)
        ),
    )
    layout = Layout(settings.storage.root)
    named = {layout.absolute(row.path): row for row in rows.values()}
    files = _files(layout.instances)
    found.blame("files of images are missing", set(named) - files)
    # A kill between a file and its row leaves none: the image comes again, with the same bytes.
    found.blame("files belong to no row", files - set(named))
    found.blame("spooled files are left", _files(layout.spool))
    found.blame(
        "files of images are damaged",
        (p.name for p in set(named) & files if data_set_digest(p) != named[p].sha256),
    )


def _reckon_results(
    session: Session, settings: Settings, found: Reckoning
) -> dict[int, tuple[str, str, str]]:
    """Give id -> UID, calling AE title, digest of the data set."""
    rows = session.execute(select(Result, Study).join(Result.study)).all()
    same = Counter(
        (r.study_id, r.generation, r.kind, r.model, r.source_instance_id, r.first_instance_id)
        for r, _ in rows
    )
    found.blame("results were made twice", (key for key, number in same.items() if number > 1))
    studies = list(session.scalars(select(Study)))
    found.blame(
        "studies are not reported",
        (f"{s.study_instance_uid} {s.state}" for s in studies if s.state != StudyState.REPORTED),
    )
    reports = {(r.study_id, r.generation, r.kind) for r, _ in rows}
    wanted = {
        (study.id, study.generation, kind)
        for study in studies
        for kind in ("cad_sr", "measurement_report")
    }
    found.blame("reports are missing", wanted - reports)
    layout = Layout(settings.storage.root)
    found.blame(
        "files of results belong to no row",
        _files(layout.results) - {layout.absolute(r.path) for r, _ in rows},
    )
    found.figures["results"] = {
        **Counter(r.kind for r, _ in rows),
        "studies": len(studies),
        "studies reported more than once": sum(study.generation > 1 for study in studies),
    }
    return {
        r.id: (r.sop_instance_uid, s.source_ae, data_set_digest(layout.absolute(r.path)))
        for r, s in rows
    }


def _reckon_deliveries(
    session: Session,
    settings: Settings,
    results: dict[int, tuple[str, str, str]],
    archives: Mapping[str, Archive],
    found: Reckoning,
) -> None:
    rows = list(session.scalars(select(Delivery)))
    found.blame(
        "deliveries are not done",
        (f"{r.destination} {r.state} {r.last_error}" for r in rows if r.state not in _DONE),
    )
    wanted = {
        (result, name)
        for result, (_, source, _) in results.items()
        for name in settings.destinations_for(source)
    }
    planned = Counter((row.result_id, row.destination) for row in rows)
    found.blame("deliveries are missing", wanted - set(planned))
    found.blame("deliveries were not asked for", set(planned) - wanted)
    found.figures["deliveries"] = {}
    for name, archive in archives.items():
        expected = {
            results[row.result_id][0]: results[row.result_id][2]
            for row in rows
            if row.destination == name
        }
        held, arrivals = archive.held(), archive.arrivals()
        found.blame(f"results did not reach {name}", set(expected) - set(held))
        found.blame(f"objects at {name} are not ours", set(held) - set(expected))
        found.blame(
            f"objects at {name} have other bytes than the node's",
            (uid for uid in set(held) & set(expected) if held[uid] != expected[uid]),
        )
        again = None if arrivals is None else sum(n - 1 for n in arrivals.values())
        found.figures["deliveries"][name] = {"results": len(held), "came again": again}


_DONE = {DeliveryState.DELIVERED, DeliveryState.CONFIRMED}


def _reckon_audit(session: Session, found: Reckoning) -> None:
    verification = audit.verify(session)
    if verification.problem is not None:
        found.problems.append(f"audit: {verification.problem}")
    statement = select(AuditEvent.event, func.count()).group_by(AuditEvent.event)
    counts = {str(event): int(number) for event, number in session.execute(statement)}
    received = counts.get(Event.INSTANCE_RECEIVED, 0)
    if received != (images := _count(session, Instance)):
        found.problems.append(f"audit: {received} images received, and {images} rows")
    found.figures["audit"] = {"events": verification.checked, "by event": counts}


def _count(session: Session, kind: type[Any], *where: Any) -> int:
    return session.scalar(select(func.count()).select_from(kind).where(*where)) or 0


def _files(folder: Path) -> set[Path]:
    return {p.absolute() for p in folder.rglob("*") if p.is_file() and p.name != "lock"}


def _name(status: int | None) -> str:
    return "none" if status is None else f"0x{status:04X}"
