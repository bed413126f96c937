"""The rows of associations: who called, from when until when, and how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from node.db import audit
from node.db.events import Event
from node.db.tables import Association

ORPHANED: Final = "orphaned"
"""Outcome of an association whose SCP process died before it ended."""


def open_association(
    session: Session,
    *,
    scp: str,
    calling_ae: str,
    called_ae: str,
    peer_host: str,
    peer_port: int,
    at: datetime,
    tls: str = "",
    certificate: str = "",
) -> int:
    """Record that a peer opened an association; return the row's id.

    Parameters
    ----------
    scp : str
        Name of the SCP process; the same again after a restart, so that
        ``close_orphaned_associations`` finds what it left open.
    tls : str
        Version of the protocol; empty without.
    certificate : str
        SHA-256 of the peer's certificate; empty without one.
    """
    row = Association(
        scp=scp,
        calling_ae=calling_ae,
        called_ae=called_ae,
        peer_host=peer_host,
        peer_port=peer_port,
        opened_at=at,
        tls=tls,
        certificate=certificate,
    )
    session.add(row)
    session.flush()
    audit.append(
        session,
        at=at,
        event=Event.ASSOCIATION_OPENED,
        entity="association",
        entity_id=row.id,
        actor=scp,
        details={
            "calling_ae": calling_ae,
            "called_ae": called_ae,
            "peer_host": peer_host,
            "peer_port": peer_port,
            **({"tls": tls} if tls else {}),
            **({"certificate": certificate} if certificate else {}),
        },
    )
    return row.id


def close_association(session: Session, association_id: int, *, outcome: str, at: datetime) -> None:
    """Record how an association ended; the first end counts, later ones change nothing.

    Parameters
    ----------
    outcome : str
        One word, for example ``released`` or ``aborted``.
    """
    scp = session.scalar(
        update(Association)
        .where(Association.id == association_id, Association.closed_at.is_(None))
        .values(closed_at=at, outcome=outcome)
        .returning(Association.scp)
    )
    if scp is None:
        return
    audit.append(
        session,
        at=at,
        event=Event.ASSOCIATION_CLOSED,
        entity="association",
        entity_id=association_id,
        reason=outcome,
        actor=scp,
    )


def close_orphaned_associations(session: Session, *, scp: str, at: datetime) -> int:
    """Close what a dead process of this name left open; return how many those were.

    Call it at the start of the SCP: an open association keeps its study open.
    """
    open_ids = session.scalars(
        select(Association.id)
        .where(Association.scp == scp, Association.closed_at.is_(None))
        .order_by(Association.id)
    ).all()
    for association_id in open_ids:
        close_association(session, association_id, outcome=ORPHANED, at=at)
    return len(open_ids)
