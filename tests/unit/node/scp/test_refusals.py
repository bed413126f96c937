from __future__ import annotations

from sqlalchemy import select

from node.db.audit import verify
from node.db.events import Event
from node.db.session import Database
from node.db.tables import AuditEvent
from node.scp.refusals import MOST_PEERS, OTHERS, WINDOW_SECONDS, Refusals


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def rows(database: Database) -> list[AuditEvent]:
    with database.read() as session:
        return list(session.scalars(select(AuditEvent).order_by(AuditEvent.id)))


def test_the_first_refusal_is_written_at_once_and_the_others_once_a_minute(
    sqlite_database: Database,
) -> None:
    clock = Clock()
    refusals = Refusals(sqlite_database, "scp@test", clock=clock)

    for _ in range(1000):
        refusals.connection("192.0.2.1", "silent")
        refusals.flush()
    assert [row.details["count"] for row in rows(sqlite_database)] == [1]
    clock.now += WINDOW_SECONDS
    refusals.flush()
    for _ in range(10):
        refusals.connection("192.0.2.1", "silent")
    refusals.flush()
    assert [row.details["count"] for row in rows(sqlite_database)] == [1, 999]
    clock.now += WINDOW_SECONDS
    refusals.flush()

    assert [row.details["count"] for row in rows(sqlite_database)] == [1, 999, 10]


def test_after_a_quiet_minute_the_next_is_written_at_once_again(sqlite_database: Database) -> None:
    clock = Clock()
    refusals = Refusals(sqlite_database, "scp@test", clock=clock)
    refusals.connection("192.0.2.1", "silent")
    clock.now += WINDOW_SECONDS
    refusals.flush()

    refusals.connection("192.0.2.1", "silent")

    assert [row.details["count"] for row in rows(sqlite_database)] == [1, 1]


def test_each_reason_is_counted(sqlite_database: Database) -> None:
    refusals = Refusals(sqlite_database, "scp@test", clock=Clock())
    for reason in ["silent", "silent", "not_dicom", "not_dicom", "not_dicom"]:
        refusals.connection("192.0.2.1", reason)

    refusals.flush(everything=True)

    _, row = rows(sqlite_database)
    assert (row.event, row.reason) == (Event.CONNECTION_REFUSED, "not_dicom")
    assert row.details["count"] == 4
    assert (row.details["count_silent"], row.details["count_not_dicom"]) == (1, 3)


def test_a_scan_from_everywhere_takes_few_rows_and_little_memory(
    sqlite_database: Database,
) -> None:
    refusals = Refusals(sqlite_database, "scp@test", clock=Clock())

    for number in range(4 * MOST_PEERS):
        refusals.connection(f"2001:db8:{number:x}::1", "silent")
    refusals.flush(everything=True)

    found = rows(sqlite_database)
    assert len(found) == MOST_PEERS + 2
    assert sum(row.details["count"] for row in found) == 4 * MOST_PEERS
    assert found[-1].details["peer_host"] == OTHERS
    with sqlite_database.read() as session:
        verify(session)


def test_the_addresses_of_one_site_are_counted_together(sqlite_database: Database) -> None:
    """Whoever has one IPv6 address has 2**64 of them."""
    refusals = Refusals(sqlite_database, "scp@test", clock=Clock())

    for number in range(300):
        refusals.connection(f"2001:db8::{number:x}", "network_not_allowed")
    refusals.flush(everything=True)

    assert [row.details["count"] for row in rows(sqlite_database)] == [1, 299]


def test_strangers_from_everywhere_leave_room_for_those_who_may_come(
    sqlite_database: Database,
) -> None:
    refusals = Refusals(sqlite_database, "scp@test", clock=Clock())
    for number in range(4 * MOST_PEERS):
        refusals.connection(f"2001:db8:{number:x}::1", "network_not_allowed")
    refusals.flush(everything=True)
    for number in range(4 * MOST_PEERS):
        refusals.connection(f"2001:db8:{number:x}::2", "network_not_allowed")
    told = len(rows(sqlite_database))

    refusals.connection("10.0.0.9", "silent")

    (row,) = rows(sqlite_database)[told:]
    assert row.details == {"peer_host": "10.0.0.9", "count": 1}
