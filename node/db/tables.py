"""The SQL tables: one row for each association, study, instance, result and delivery.

State columns are written by ``node.db.transitions.move`` alone; ``audit_event`` is
written by ``node.db.audit.append`` alone, and the database refuses to change it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Enum,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from node.db.columns import AeTitle, BigId, Uid, UtcDateTime
from node.db.declarative import Base
from node.states import DeliveryState, InstanceState, StudyState


class Installation(Base):
    """One row: the namespace from which this installation derives its UIDs."""

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid_namespace: Mapped[str] = mapped_column(String(36))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Association(Base):
    """One association that a peer opened; ``closed_at`` is empty while it is open.

    ``tls`` is the protocol's version, empty without; ``certificate`` is the SHA-256 of the
    peer's certificate in DER.
    """

    __tablename__ = "association"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    scp: Mapped[str] = mapped_column(String(128))
    calling_ae: Mapped[str] = mapped_column(AeTitle)
    called_ae: Mapped[str] = mapped_column(AeTitle)
    peer_host: Mapped[str] = mapped_column(String(64))
    peer_port: Mapped[int]
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    outcome: Mapped[str] = mapped_column(String(32), default="")
    tls: Mapped[str] = mapped_column(String(16), default="", server_default=text("''"))
    certificate: Mapped[str] = mapped_column(String(64), default="", server_default=text("''"))


class Study(Base):
    """One study; ``generation`` counts its reports, the first is 1.

    ``opened_at`` is when the first image came, or the first late one after a report.
    ``model`` is the one that a person asked for; empty: the node's.
    """

    __tablename__ = "study"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(Uid, unique=True)
    state: Mapped[StudyState] = mapped_column(
        Enum(StudyState, native_enum=False, length=16), index=True
    )
    source_ae: Mapped[str] = mapped_column(AeTitle)
    first_received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_because: Mapped[str] = mapped_column(String(32), default="")
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    generation: Mapped[int] = mapped_column(default=0)
    model: Mapped[str] = mapped_column(String(64), server_default=text("''"))
    report_attempts: Mapped[int] = mapped_column(default=0)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(Text, default="")
    traceback: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))

    instances: Mapped[list[Instance]] = relationship(back_populates="study", order_by="Instance.id")
    results: Mapped[list[Result]] = relationship(back_populates="study", order_by="Result.id")


class Instance(Base):
    """One SOP instance that was received and answered with success.

    ``traceback`` is where the last failed attempt ended, without the text of any exception;
    ``removed_at`` is when the retention policy removed the file.
    """

    __tablename__ = "instance"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    association_id: Mapped[int | None] = mapped_column(ForeignKey("association.id"), index=True)
    sop_instance_uid: Mapped[str] = mapped_column(Uid, unique=True)
    sop_class_uid: Mapped[str] = mapped_column(Uid)
    series_instance_uid: Mapped[str] = mapped_column(Uid)
    transfer_syntax_uid: Mapped[str] = mapped_column(Uid)
    laterality: Mapped[str] = mapped_column(String(16), default="")
    view: Mapped[str] = mapped_column(String(16), default="")
    is_standard_view: Mapped[bool] = mapped_column(default=False)
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    path: Mapped[str] = mapped_column(String(255), index=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[InstanceState] = mapped_column(Enum(InstanceState, native_enum=False, length=16))
    reason: Mapped[str] = mapped_column(String(64), default="")
    detail: Mapped[str] = mapped_column(Text, default="")
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    traceback: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    study: Mapped[Study] = relationship(back_populates="instances")
    analyses: Mapped[list[Analysis]] = relationship(
        back_populates="instance", order_by="Analysis.id"
    )

    __table_args__ = (Index("ix_instance_state_received_at", "state", "received_at"),)


class Analysis(Base):
    """One run of one model on one instance; ``findings`` are below it.

    Title and statement are the model's own of that day: results name it by them, wherever
    and whenever they are built, also when the model has left the registry.
    """

    __tablename__ = "analysis"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("instance.id"), index=True)
    model_name: Mapped[str] = mapped_column(String(64))
    model_version: Mapped[str] = mapped_column(String(64))
    model_title: Mapped[str] = mapped_column(String(64), server_default=text("''"))
    model_statement: Mapped[str] = mapped_column(Text, server_default=text("''"))
    weights_sha256: Mapped[str] = mapped_column(String(64))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    notes: Mapped[list[str]] = mapped_column(JSON)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime] = mapped_column(UtcDateTime)

    instance: Mapped[Instance] = relationship(back_populates="analyses")
    findings: Mapped[list[FindingRow]] = relationship(
        back_populates="analysis", order_by="FindingRow.rank"
    )


class FindingRow(Base):
    """One box in stored pixels (edge coordinates) with its score from 0 to 1."""

    __tablename__ = "finding"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    analysis_id: Mapped[int] = mapped_column(ForeignKey("analysis.id"), index=True)
    rank: Mapped[int]
    score: Mapped[float]
    x0: Mapped[float]
    y0: Mapped[float]
    x1: Mapped[float]
    y1: Mapped[float]

    analysis: Mapped[Analysis] = relationship(back_populates="findings")


class Result(Base):
    """One DICOM object that the node made; its file is never rebuilt once recorded.

    ``model`` is the study's at that time. ``first_instance_id`` is the first image of the
    patient whose result this is: images of one study may be of two.
    """

    __tablename__ = "result"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    source_instance_id: Mapped[int | None] = mapped_column(ForeignKey("instance.id"))
    generation: Mapped[int]
    kind: Mapped[str] = mapped_column(String(32))
    model: Mapped[str] = mapped_column(String(64), server_default=text("''"))
    first_instance_id: Mapped[int | None] = mapped_column(BigInteger)
    sop_instance_uid: Mapped[str] = mapped_column(Uid, unique=True)
    sop_class_uid: Mapped[str] = mapped_column(Uid)
    series_instance_uid: Mapped[str] = mapped_column(Uid)
    transfer_syntax_uid: Mapped[str] = mapped_column(Uid)
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    path: Mapped[str] = mapped_column(String(255), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    study: Mapped[Study] = relationship(back_populates="results")
    deliveries: Mapped[list[Delivery]] = relationship(
        back_populates="result", order_by="Delivery.id"
    )


class Delivery(Base):
    """One result on its way to one destination; never deleted.

    ``created_at`` is when the time in which it is tried began. It begins anew when a person or
    a loss sends it again, and moves on by each while in which it was due and nobody tried it:
    what lies between it and now counts towards giving up, and is its age in the queue.
    ``confirm_at`` is when to ask whether it is kept, ``confirm_by`` when the alarm is due and
    ``alarmed_at`` when it was raised: set while DELIVERED, empty in every other state.
    """

    __tablename__ = "delivery"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    result_id: Mapped[int] = mapped_column(ForeignKey("result.id"))
    destination: Mapped[str] = mapped_column(String(64))
    state: Mapped[DeliveryState] = mapped_column(Enum(DeliveryState, native_enum=False, length=16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    last_status: Mapped[int | None]
    last_error: Mapped[str] = mapped_column(Text, default="")
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confirm_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    confirm_by: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    confirm_attempts: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    alarmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    times_lost: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    traceback: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))

    result: Mapped[Result] = relationship(back_populates="deliveries")

    __table_args__ = (
        UniqueConstraint("result_id", "destination"),
        Index("ix_delivery_state_not_before", "state", "not_before"),
    )


class Commitment(Base):
    """One question to one destination whether it keeps what it got, asked once."""

    __tablename__ = "commitment"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    transaction_uid: Mapped[str] = mapped_column(Uid, unique=True)
    destination: Mapped[str] = mapped_column(String(64))
    delivery_ids: Mapped[list[int]] = mapped_column(JSON)
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditEvent(Base):
    """One append-only, hash-chained line of the audit log."""

    __tablename__ = "audit_event"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    event: Mapped[str] = mapped_column(String(64))
    entity: Mapped[str] = mapped_column(String(16))
    entity_id: Mapped[int | None] = mapped_column(BigInteger)
    uid: Mapped[str] = mapped_column(String(128), index=True)
    study_instance_uid: Mapped[str] = mapped_column(String(128), index=True)
    old: Mapped[str] = mapped_column(String(16))
    new: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(128))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous_hash: Mapped[str] = mapped_column(String(64), unique=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
