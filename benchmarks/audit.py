"""How fast the audit log is verified, and in how much memory: ``python -m benchmarks.audit ROWS``.

One process for each size, because the peak of a process never falls.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from node.db.audit_row import FIRST_PREVIOUS_HASH, StoredRow, stored_hash
from node.db.audit_verification import verify_log
from node.db.session import Database
from node.db.upgrade import upgrade

DETAILS = json.dumps({"attempt": 1, "destination": "pacs", "status": "0x0000"})
BEGAN_AT = datetime(2026, 1, 1, tzinfo=UTC)


def rows(count: int) -> Iterator[tuple[Any, ...]]:
    """Make the rows of a log that is whole, about as long as a delivery's."""
    before = FIRST_PREVIOUS_HASH
    for number in range(1, count + 1):
        at = (BEGAN_AT + timedelta(milliseconds=number)).replace(tzinfo=None)
        uid = f"2.25.{10**37 + number}"
        row = StoredRow(
            id=number,
            at=at.isoformat(" ", "microseconds"),
            event="delivery_delivered",
            entity="delivery",
            entity_id=number,
            uid=uid,
            study_instance_uid=uid,
            old="SENDING",
            new="DELIVERED",
            reason="status 0x0000",
            actor="network@host:4711",
            details=DETAILS,
            previous_hash=before,
            hash="",
        )
        before = stored_hash(row) or ""
        yield row._replace(hash=before)


def main(count: int) -> None:
    """Write a log of so many rows, verify it, and print one line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.sqlite3"
        upgrade(f"sqlite:///{path}")
        columns = ", ".join(StoredRow._fields)
        marks = ", ".join("?" * len(StoredRow._fields))
        with sqlite3.connect(path) as connection:
            statement = f"INSERT INTO audit_event ({columns}) VALUES ({marks})"  # noqa: S608 - ours
            connection.executemany(statement, rows(count))
        connection.close()
        database = Database(f"sqlite:///{path}")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        wall, cpu = time.perf_counter(), time.process_time()
        with database.snapshot() as session:
            found = verify_log(session)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        database.dispose()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        f"{found.checked} rows, {len(found.problems)} problems: {wall:.1f} s, {cpu:.1f} s of CPU, "
        f"{found.checked / cpu:.0f} rows a CPU second, peak {peak:.0f} MiB ({before:.0f} before)\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
