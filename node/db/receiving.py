"""What the SCP writes: received objects and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.db import audit
from node.db.events import Event
from node.db.retention import record_restored
from node.db.session import require_writer
from node.db.studies import reopen_study
from node.db.tables import Instance, Result, Study
from node.db.transitions import move
from node.dicom.reasons import Reason
from node.errors import ConflictingInstance
from node.states import InstanceState, StudyState


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One object that lies durably in the store, with the header facts of its row.

    Attributes
    ----------
    laterality : str
        ``"L"``, ``"R"``, ``"B"`` or empty.
    view : str
        ``"CC"``, ``"MLO"``, another view's name, or empty.
    is_standard_view : bool
        One of the four that complete a study.
    sha256 : str
        Of the data set's bytes, without the file meta information.
    bytes : int
        Size of the file.
    path : str
        Relative to the root of the store.
    rejected : str
        Why it is stored only, a keyword of ``node.dicom.reasons.STORED_ONLY``; empty for
        an object that goes to a worker.
    """

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    laterality: str
    view: str
    is_standard_view: bool
    sha256: str
    bytes: int
    path: str
    rejected: str = ""


def record_instance(
    session: Session,
    stored: StoredObject,
    *,
    calling_ae: str,
    association_id: int | None,
    at: datetime,
    actor: str,
) -> bool:
    """Record a received object; the first of its study opens it, a late one re-opens it.

    An object that is stored only is REJECTED at once and re-opens nothing: results that
    a PACS sends back to us must not make another report.

    Parameters
    ----------
    calling_ae : str
        Calling AE title of the sender; a study keeps that of its first image.

    Returns
    -------
    bool
        True for a new object; False when the same bytes are recorded already.

    Raises
    ------
    ConflictingInstance
        When the UID is recorded with other bytes or in another transfer syntax. Nothing
        was written.
    """
    # Nobody else writes from here to the commit: what is looked up stays true.
    require_writer(session)
    known = session.scalar(
        select(Instance).where(Instance.sop_instance_uid == stored.sop_instance_uid)
    )
    if known is not None:
        # The same bytes mean another image in another transfer syntax.
        if (known.sha256, known.transfer_syntax_uid) != (
            stored.sha256,
            stored.transfer_syntax_uid,
        ):
            raise ConflictingInstance(stored.sop_instance_uid)
        if known.removed_at is not None:
            record_restored(session, known, association_id=association_id, at=at, actor=actor)
            return False
        audit.append(
            session,
            at=at,
            event=Event.INSTANCE_DUPLICATE,
            entity="instance",
            entity_id=known.id,
            uid=known.sop_instance_uid,
            study_instance_uid=known.study.study_instance_uid,
            actor=actor,
            details={"association_id": association_id},
        )
        return False

    own = select(Result.id).where(Result.sop_instance_uid == stored.sop_instance_uid)
    if session.scalar(own) is not None:
        # Whatever became of its header on the way: this is what we made.
        stored = replace(stored, rejected=Reason.OWN_OBJECT)
    study = _study_for(session, stored, calling_ae=calling_ae, at=at, actor=actor)
    instance = Instance(
        study=study,
        association_id=association_id,
        sop_instance_uid=stored.sop_instance_uid,
        sop_class_uid=stored.sop_class_uid,
        series_instance_uid=stored.series_instance_uid,
        transfer_syntax_uid=stored.transfer_syntax_uid,
        laterality=stored.laterality,
        view=stored.view,
        is_standard_view=stored.is_standard_view,
        sha256=stored.sha256,
        bytes=stored.bytes,
        path=stored.path,
        received_at=at,
        state=InstanceState.RECEIVED,
    )
    session.add(instance)
    session.flush()
    audit.append(
        session,
        at=at,
        event=Event.INSTANCE_RECEIVED,
        entity="instance",
        entity_id=instance.id,
        uid=stored.sop_instance_uid,
        study_instance_uid=stored.study_instance_uid,
        new=InstanceState.RECEIVED,
        actor=actor,
        details={
            "association_id": association_id,
            "calling_ae": calling_ae,
            "bytes": stored.bytes,
            "sha256": stored.sha256,
            "transfer_syntax_uid": stored.transfer_syntax_uid,
        },
    )
    if stored.rejected:
        move(
            session,
            instance,
            InstanceState.REJECTED,
            at=at,
            event=Event.INSTANCE_REJECTED,
            actor=actor,
            reason=stored.rejected,
            finished_at=at,
        )
    return True


def record_refusal(
    session: Session,
    *,
    event: Event,
    uid: str,
    study_instance_uid: str,
    reason: str,
    at: datetime,
    actor: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Say in the audit log that something was refused; no other row is written.

    Parameters
    ----------
    event : Event
        ``connection_refused``, ``association_rejected``, ``message_refused``,
        ``instance_refused`` or ``instance_quarantined``.
    uid, study_instance_uid : str
        As the peer gave them, empty when unknown.
    """
    audit.append(
        session,
        at=at,
        event=event,
        uid=uid,
        study_instance_uid=study_instance_uid,
        reason=reason,
        actor=actor,
        details=details,
    )


def _study_for(
    session: Session, stored: StoredObject, *, calling_ae: str, at: datetime, actor: str
) -> Study:
    study = session.scalar(
        select(Study).where(Study.study_instance_uid == stored.study_instance_uid)
    )
    if study is None:
        study = Study(
            study_instance_uid=stored.study_instance_uid,
            state=StudyState.OPEN,
            source_ae=calling_ae,
            first_received_at=at,
            opened_at=at,
            last_received_at=at,
        )
        session.add(study)
        session.flush()
        audit.append(
            session,
            at=at,
            event=Event.STUDY_OPENED,
            entity="study",
            entity_id=study.id,
            uid=study.study_instance_uid,
            study_instance_uid=study.study_instance_uid,
            new=StudyState.OPEN,
            actor=actor,
            details={"source_ae": calling_ae},
        )
        return study

    # Two SCP hosts' clocks may differ: the last moment is never set back.
    study.last_received_at = max(study.last_received_at, at)
    if study.state is not StudyState.OPEN and not stored.rejected:
        reopen_study(session, study, at=at, actor=actor, reason="LATE_IMAGE")
    return study
