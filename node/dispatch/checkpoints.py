"""Signing the head of the audit log now and then: a step of the dispatch loop."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Final

import structlog

from config.settings import Settings
from node.db.checkpoints import append_checkpoint, is_due
from node.db.session import Database
from node.errors import StopError
from node.store.audit_key import SigningKey, load_key

log = structlog.get_logger(__name__)

SAY_AGAIN_SECONDS: Final = 600.0


class Signer:
    """Signs the head of the log when it is due; without a key nothing."""

    def __init__(self, settings: Settings, database: Database, *, actor: str) -> None:
        self._settings = settings
        self._database = database
        self._actor = actor
        self._said_at = -SAY_AGAIN_SECONDS

    def step(self, *, at: datetime) -> bool:
        """Sign if it is due; say whether that was done."""
        if not self._settings.signs_audit:
            return False
        audit = self._settings.audit
        events, every = audit.checkpoint_events, timedelta(minutes=audit.checkpoint_minutes)
        with self._database.read() as session:
            if not is_due(session, events=events, every=every, at=at):
                return False
        key = self._key()
        if key is None:
            return False
        with self._database.begin() as session:
            # Another dispatch process may have been first.
            if not is_due(session, events=events, every=every, at=at):
                return False
            row = append_checkpoint(session, key, at=at, actor=self._actor)
        log.info("audit_checkpoint", number=row.id, event_id=row.event_id, hash=row.event_hash)
        return True

    def _key(self) -> SigningKey | None:
        """Read the key anew each time: a rotation needs no restart."""
        try:
            return required_key(self._settings)
        except StopError as error:
            problem = str(error)
        if time.monotonic() - self._said_at >= SAY_AGAIN_SECONDS:
            self._said_at = time.monotonic()
            log.warning("audit_head_not_signed", reason=problem)
        return None


def required_key(settings: Settings) -> SigningKey:
    """Read the private key.

    Raises
    ------
    StopError
        It is missing or cannot be used; the text says what to do.
    """
    path = settings.audit_key_file
    key = load_key(path)
    if key is None:
        raise StopError(f"audit.key: there is no key {path}; `mgnode audit key` makes one")
    return key
