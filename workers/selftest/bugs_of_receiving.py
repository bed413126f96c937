"""Deliberate bugs of the SCP."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.db import receiving
from node.db.tables import Instance
from node.errors import ConflictingInstance, OutOfResources
from node.scp.associations import AssociationBook
from node.scp.handlers import StoreService
from node.store import files, spool


def no_take_over(stack: ExitStack) -> None:
    """Leave the associations of a dead process open."""
    stack.enter_context(patch.object(AssociationBook, "take_over", lambda *_: None))


def no_fsync(stack: ExitStack) -> None:
    """Sync neither files nor folders."""
    for name in ("sync_file", "sync_folder"):
        stack.enter_context(patch.object(files, name, lambda _: None))


def no_sweep(stack: ExitStack) -> None:
    """Leave what a dead process was receiving in its spool."""
    stack.enter_context(patch.object(spool, "_remove_parts", lambda *_, **__: 0))


def success_without_row(stack: ExitStack) -> None:
    """Take a database that does not answer for one that did."""
    store = StoreService._store

    def unmoved(service: StoreService, *arguments: Any) -> None:
        try:
            store(service, *arguments)
        except OutOfResources:
            return

    stack.enter_context(patch.object(StoreService, "_store", unmoved))


def no_dedupe(stack: ExitStack) -> None:
    """Refuse what is there already."""
    record = receiving.record_instance

    def strict(session: Session, stored: receiving.StoredObject, **more: Any) -> bool:
        uid = stored.sop_instance_uid
        if session.scalar(select(Instance.id).where(Instance.sop_instance_uid == uid)):
            raise ConflictingInstance(uid)
        return record(session, stored, **more)

    stack.enter_context(patch.object(receiving, "record_instance", strict))
