"""What the audit log tells of certificates: taken anew, refused, about to expire."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from node.db import audit
from node.db.events import Event
from node.db.tables import AuditEvent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

_ONCE_IN: Final = timedelta(days=1)


def record_reload(session: Session, *, fingerprint: str, at: datetime, actor: str) -> None:
    """Record that the node shows another certificate, or believes other authorities."""
    audit.append(
        session,
        at=at,
        event=Event.CERTIFICATE_RELOADED,
        entity="certificate",
        uid=fingerprint,
        actor=actor,
    )


def record_refused(session: Session, *, problems: Sequence[str], at: datetime, actor: str) -> None:
    """Record that files were replaced by some that cannot be used; the old ones stay."""
    audit.append(
        session,
        at=at,
        event=Event.CERTIFICATE_REFUSED,
        entity="certificate",
        reason="; ".join(problems),
        actor=actor,
    )


def warn_of_end(
    session: Session,
    *,
    fingerprint: str,
    setting: str,
    not_after: datetime,
    at: datetime,
    actor: str,
) -> bool:
    """Record that a certificate expires soon, or has, once a day; say whether it was due.

    Parameters
    ----------
    setting : str
        Path of the setting that names its file.
    """
    said = select(AuditEvent.id).where(
        AuditEvent.event == Event.CERTIFICATE_EXPIRES,
        AuditEvent.uid == fingerprint,
        AuditEvent.reason == setting,
        AuditEvent.at > at - _ONCE_IN,
    )
    if session.scalar(said.limit(1)) is not None:
        return False
    audit.append(
        session,
        at=at,
        event=Event.CERTIFICATE_EXPIRES,
        entity="certificate",
        uid=fingerprint,
        reason=setting,
        actor=actor,
        details={"not_after": not_after.isoformat(), "days_left": (not_after - at).days},
    )
    return True
