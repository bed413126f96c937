"""A node that is compared, and what the comparison says."""

from __future__ import annotations

import os
import time
from pathlib import Path

from node.db import discrepancies
from node.dispatch.reconcile import Reconciler
from node.errors import TransientFailure
from tests.working_node import WorkingNode

DAY = 86400.0


class Broker:
    """A broker that only says whether it is there."""

    def __init__(self, *, is_away: bool = False) -> None:
        self.is_away = is_away

    def publish(self, task: str, **arguments: object) -> None:
        raise AssertionError(f"reconciliation publishes nothing: {task} {arguments}")

    def backlog(self, queue: str) -> int:
        if self.is_away:
            raise TransientFailure(f"no {queue}")
        return 0


def reconciler(node: WorkingNode, broker: Broker | None = None) -> Reconciler:
    settings = node.runtime.settings
    return Reconciler(settings, node.database, broker or Broker(), clock=node.clock)


def compare(node: WorkingNode) -> dict[str, int]:
    return reconciler(node).whole_pass()


def open_rows(node: WorkingNode) -> list[tuple[str, str]]:
    with node.database.read() as session:
        return [(row.kind, row.subject) for row in discrepancies.open_rows(session)]


def told(node: WorkingNode) -> list[tuple[str, str, str | None]]:
    """What the audit log says of discrepancies: event, kind, resolution."""
    events = node.events("discrepancy_found", "discrepancy_resolved")
    return [(each.event, each.reason, each.details.get("resolution")) for each in events]


def grow_old(path: Path, days: float) -> None:
    moment = time.time() - days * DAY
    os.utime(path, (moment, moment))


def orphan(node: WorkingNode, name: str = "instances/ab/orphan.dcm", days: float = 8) -> Path:
    path = node.layout.absolute(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"an image")
    grow_old(path, days)
    return path
