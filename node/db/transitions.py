"""The only writer of the state columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import get_history, set_committed_value

from node.db import audit
from node.db.events import Event
from node.db.tables import Delivery, Instance, Study
from node.errors import StateConflict
from node.states import State, is_allowed


def move(
    session: Session,
    row: Instance | Study | Delivery,
    new_state: State,
    *,
    at: datetime,
    event: Event,
    actor: str,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
    where: Sequence[ColumnElement[bool]] = (),
    **values: Any,
) -> None:
    """Move a row from the state it was seen in, by compare-and-set, with its audit row.

    Both happen in the caller's transaction or not at all. Afterwards ``row`` holds
    what the database holds.

    Parameters
    ----------
    row : Instance, Study or Delivery
        As it was read; ``row.state`` is the state that was seen.
    at : datetime
        When, for the audit row.
    reason : str
        For the audit row. An instance and a study keep it in their ``reason``
        column too, cut to its length; a move without a reason empties it.
    where : sequence of conditions, optional
        What must still be true besides the state, for example that the lease is
        the one that was seen.
    **values
        Other columns to set: values, or SQL expressions over the row.

    Raises
    ------
    StateConflict
        When the row has left the state or a condition does not hold any more.
        Nothing was written, and ``row`` is read anew when next used.
    ValueError
        When ``node.states`` has no such arrow, or the caller has set a column of
        ``row`` in memory: a mistake in the program.
    """
    kind = type(row)
    seen = row.state
    if not is_allowed(seen, new_state):
        raise ValueError(f"{kind.__tablename__}: there is no way from {seen} to {new_state}")
    if "state" in values or get_history(row, "state").has_changes():
        raise ValueError(f"{kind.__tablename__} {row.id}: the state is set by move() alone")
    session.flush()

    changes: dict[str, Any] = {**values, "state": new_state}
    if isinstance(row, Instance | Study):
        length = getattr(kind.__table__.c["reason"].type, "length", None)
        changes["reason"] = reason[:length]
    columns = [kind.__table__.c[name] for name in changes]
    moved = session.execute(
        update(kind)
        .where(kind.id == row.id, kind.state == seen, *where)
        .values(**changes)
        .returning(*columns)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if moved is None:
        session.expire(row)
        raise StateConflict(f"{kind.__tablename__} {row.id} left {seen} before {event}")
    for name, value in zip(changes, moved, strict=True):
        set_committed_value(row, name, value)

    uid, study_instance_uid = _uids(row)
    audit.append(
        session,
        at=at,
        event=event,
        entity=kind.__tablename__,
        entity_id=row.id,
        uid=uid,
        study_instance_uid=study_instance_uid,
        old=seen,
        new=new_state,
        reason=reason,
        actor=actor,
        details=details,
    )


def _uids(row: Instance | Study | Delivery) -> tuple[str, str]:
    """Return the UID of the object that moved and of its study."""
    match row:
        case Study():
            return row.study_instance_uid, row.study_instance_uid
        case Instance():
            return row.sop_instance_uid, row.study.study_instance_uid
        case Delivery():
            return row.result.sop_instance_uid, row.result.study.study_instance_uid
