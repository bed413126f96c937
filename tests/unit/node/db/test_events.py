"""The names of the audit log."""

from __future__ import annotations

import re

from node.db.events import Event
from node.db.tables import AuditEvent


def test_every_event_has_a_meaning_in_one_sentence() -> None:
    for event in Event:
        assert re.fullmatch(r"[A-Z].*\.", event.meaning), event


def test_every_event_name_fits_its_column_and_is_lower_case() -> None:
    for event in Event:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", event), event
        assert len(event) <= AuditEvent.__table__.c.event.type.length


def test_a_stored_name_finds_its_event() -> None:
    assert Event("study_opened") is Event.STUDY_OPENED
