"""Which refusals leave an image missing, read from the audit log."""

from __future__ import annotations

import pytest

from node.db.events import Event
from node.db.receiving import record_refusal
from node.db.refusals import refused_images, refused_stores
from node.db.session import Database
from node.dicom.reasons import Refusal
from node.scp.status import Status
from tests.factories import stable_uid
from tests.rows import NOON, received

STUDY = stable_uid("study")
STORED = stable_uid("study", "R", "CC", "image")


def refuse(
    database: Database, uid: str, *, status: str = "0xC000", event: Event = Event.INSTANCE_REFUSED
) -> None:
    with database.begin() as session:
        record_refusal(
            session,
            event=event,
            uid=uid,
            study_instance_uid=STUDY,
            reason="",
            at=NOON,
            actor="scp",
            details={"status": status},
        )


# A conflict is about an object that is stored: nothing is missing.
@pytest.mark.parametrize("status", set(Status) - {Status.SUCCESS, Status.CONFLICTING_INSTANCE})
def test_every_failure_that_the_scp_answers_has_its_reason(
    database: Database, status: Status
) -> None:
    refuse(database, "1.2.3", status=f"0x{status:04X}")

    with database.read() as session:
        (image,) = refused_images(session, STUDY)

    assert image.reason in set(Refusal) - {Refusal.REFUSED}


def test_a_conflict_with_a_stored_image_is_a_refusal_and_nothing_is_missing(
    database: Database,
) -> None:
    received(database)
    refuse(database, STORED, status="0xC100")

    with database.read() as session:
        (store,) = refused_stores(session, STUDY)
        missing = refused_images(session, STUDY)

    assert store.is_stored
    assert missing == ()


def test_what_was_quarantined_is_missing_too(database: Database) -> None:
    refuse(database, "1.2.3", status="0xA900", event=Event.INSTANCE_QUARANTINED)

    with database.read() as session:
        (image,) = refused_images(session, STUDY)

    assert (image.sop_instance_uid, image.reason) == ("1.2.3", Refusal.CONTRADICTION)


def test_a_refusal_that_names_no_instance_or_another_study_is_not_this_studys(
    database: Database,
) -> None:
    refuse(database, "")

    with database.read() as session:
        assert refused_images(session, STUDY) == ()
        assert refused_images(session, stable_uid("another")) == ()
