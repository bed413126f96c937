"""The tables by which the node checks itself: signed checkpoints and discrepancies."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from node.db.columns import BigId, Uid, UtcDateTime
from node.db.declarative import Base

_OPEN = text("resolved_at IS NULL")


class AuditCheckpoint(Base):
    """One append-only, signed statement that the audit log had this row with this hash.

    ``key_id`` is the SHA-256 of the public key's 32 bytes, ``signature`` the Ed25519
    signature, both in lower-case hex; the private key is outside the database.
    """

    __tablename__ = "audit_checkpoint"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    event_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    event_hash: Mapped[str] = mapped_column(String(64))
    key_id: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(128))


class Discrepancy(Base):
    """Something that rows, files, broker and destinations disagree about.

    ``subject`` is what it is about: a path below ``storage.root``, a UID, or a destination's
    name; no two open rows have the same kind and subject. ``resolution`` says how it ended.
    """

    __tablename__ = "discrepancy"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(255))
    study_instance_uid: Mapped[str] = mapped_column(Uid, default="")
    detail: Mapped[str] = mapped_column(Text, default="")
    found_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resolution: Mapped[str] = mapped_column(String(32), default="")

    __table_args__ = (
        Index(
            "uq_discrepancy_open",
            "kind",
            "subject",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index("ix_discrepancy_resolved_at", "resolved_at"),
    )
