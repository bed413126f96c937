"""Watches the certificates while the SCP runs: takes new ones, and warns before they end."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from node.clock import utc_now
from node.db import certificates
from node.db.session import UNAVAILABLE
from node.tls.expiry import destination_endings, scp_endings

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from config.settings import Settings
    from node.db.session import Database
    from node.tls.expiry import Ending
    from node.tls.serving import ServerTls

log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 1.0
_WARN_SECONDS: Final = 3600.0
"""From one look for certificates that end to the next; each is told of once a day."""


class CertificateWatch:
    """Tells of every certificate that changes or ends, in the log and in the audit log.

    Parameters
    ----------
    tls : ServerTls or None
        None without TLS: then only the destinations' certificates are looked at.
    name : str
        Name of the SCP; the actor of its audit events.
    """

    def __init__(
        self, settings: Settings, database: Database, tls: ServerTls | None, name: str
    ) -> None:
        self._settings = settings
        self._database = database
        self._tls = tls
        self._name = name
        self._next_look = self._next_warning = 0.0

    def look(self) -> None:
        """Do what is due; call it often."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            self._reload()
        if now >= self._next_warning:
            self._next_warning = now + _WARN_SECONDS
            self._warn()

    def _reload(self) -> None:
        change = self._tls.refresh() if self._tls is not None else None
        if change is None:
            return
        if change.loaded is None:
            log.error("certificate_refused", problems=list(change.problems), kept="the old one")
            self._record(
                lambda session: certificates.record_refused(
                    session, problems=change.problems, at=utc_now(), actor=self._name
                )
            )
            return
        own = change.loaded.chain[0]
        log.info(
            "certificate_reloaded", fingerprint=own.fingerprint, not_after=own.not_after.isoformat()
        )
        self._record(
            lambda session: certificates.record_reload(
                session, fingerprint=own.fingerprint, at=utc_now(), actor=self._name
            )
        )
        self._next_warning = 0.0

    def _warn(self) -> None:
        now = utc_now()
        endings = [*scp_endings(self._settings, now), *destination_endings(self._settings, now)]
        for ending in endings:
            self._record(partial(self._warn_of, ending, now))

    def _warn_of(self, ending: Ending, now: datetime, session: Session) -> None:
        is_due = certificates.warn_of_end(
            session,
            fingerprint=ending.certificate.fingerprint,
            setting=ending.setting,
            not_after=ending.certificate.not_after,
            at=now,
            actor=self._name,
        )
        if is_due:
            log.warning("certificate_expires", what=ending.words(now))

    def _record(self, write: Callable[[Session], object]) -> None:
        try:
            with self._database.begin() as session:
                write(session)
        except UNAVAILABLE as error:
            log.exception("certificate_not_audited", error=type(error).__name__)
