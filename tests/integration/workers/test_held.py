"""Deliveries that are held after a restore, and a destination that does not say what it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from config.sending import Destination
from node.db import hold
from node.db.session import Database
from node.states import DeliveryState
from tests.committing_pacs import PROFILE, CommittingPacs
from tests.factories import make_mammogram
from tests.pdus import ASSOCIATE_RJ, pdu
from tests.peer import AcceptedLine, raw_acceptor
from tests.servers import free_port
from tests.working_node import Clock, WorkingNode, working_node

PENDING, DELIVERED = {DeliveryState.PENDING}, {DeliveryState.DELIVERED}
MINUTE = 1 / 60
"""Hours; a result is given up after that here, within two attempts."""
ATTEMPTS = 4
PROFILES = {PROFILE: {"objects": ["measurement_report", "overlay"]}}

Silent = Callable[[CommittingPacs], AbstractContextManager[Destination]]


@pytest.fixture
def pacs() -> Iterator[CommittingPacs]:
    with CommittingPacs() as pacs:
        yield pacs


@pytest.fixture
def node(database: Database, tmp_path: Path, pacs: CommittingPacs) -> WorkingNode:
    """A node that was just restored: two results wait for ``pacs``, and are held."""
    node = working_node(
        tmp_path / "storage",
        database,
        destinations={"pacs": pacs.destination("query")},
        profiles=PROFILES,
        delivery={"give_up_hours": MINUTE},
    )
    node.report(node.complete([make_mammogram()]))
    with database.begin() as session:
        hold.hold(
            session,
            confirm_within=timedelta(hours=1),
            at=node.clock(),
            actor="restore",
            details={},
        )
    return node


@contextmanager
def without_query(_: CommittingPacs) -> Iterator[Destination]:
    with CommittingPacs(has_query=False) as pacs:
        yield pacs.destination("commitment")


@contextmanager
def failing(pacs: CommittingPacs) -> Iterator[Destination]:
    pacs.find_status = 0xA700
    yield pacs.destination("query")
    pacs.find_status = 0x0000


@contextmanager
def away(pacs: CommittingPacs) -> Iterator[Destination]:
    yield pacs.destination("query").model_copy(update={"port": free_port()})


@contextmanager
def refusing(pacs: CommittingPacs) -> Iterator[Destination]:
    def reject(line: AcceptedLine) -> None:
        line.read()
        line.send(pdu(ASSOCIATE_RJ, bytes([0, 1, 1, 3])))  # calling AE title not recognised
        line.is_closed()

    with raw_acceptor(reject, connections=ATTEMPTS) as (host, port):
        yield pacs.destination("query").model_copy(update={"host": host, "port": port})


@dataclass
class ClockedWatch:
    """A watchdog by a test's clock: says how often work was found beyond its limit."""

    clock: Clock
    seconds: float = 0.0
    overran: int = 0

    @contextmanager
    def watching(self, seconds: float) -> Iterator[ClockedWatch]:
        self.seconds = seconds
        self.begin_anew()
        yield self

    def hold(self, table: str, claims: Iterable[tuple[int, str]]) -> None:
        """Note nothing."""

    def begin_anew(self) -> None:
        self.deadline = self.clock() + timedelta(seconds=self.seconds)

    def look(self) -> None:
        self.overran += self.clock() > self.deadline

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("silent", [without_query, failing, away, refusing])
def test_what_a_destination_does_not_answer_for_waits_until_it_is_released(
    node: WorkingNode, pacs: CommittingPacs, silent: Silent
) -> None:
    with silent(pacs) as destination:
        towards = node.with_settings(destinations={"pacs": destination})
        for _ in range(ATTEMPTS):
            towards.deliver()
            waiting = towards.deliveries()
            node.clock.now = max(row.not_before or node.clock() for row in waiting)
    with node.database.begin() as session:
        hold.release(session, at=node.clock(), actor="restore")
    node.deliver()

    assert {row.state for row in waiting} == PENDING
    assert {row.attempts for row in waiting} == {ATTEMPTS}
    assert set(node.delivery_states()) == DELIVERED
    assert pacs.queries == [] or silent is failing


def test_what_was_held_for_long_has_its_whole_time_when_it_is_released(
    node: WorkingNode, pacs: CommittingPacs
) -> None:
    """The first attempt after the release fails too, and is not the last one."""
    with failing(pacs):
        for _ in range(ATTEMPTS):
            node.deliver()
            node.clock.pass_(hours=1)
    with node.database.begin() as session:
        hold.release(session, at=node.clock(), actor="restore")
    pacs.store_status = 0xA700

    node.deliver()

    assert set(node.delivery_states()) == PENDING


def test_what_is_released_goes_out_with_the_next_sweep(
    node: WorkingNode, pacs: CommittingPacs
) -> None:
    with failing(pacs):
        node.deliver()
    with node.database.begin() as session:
        hold.release(session, at=node.clock(), actor="restore")

    node.deliver()

    assert set(node.delivery_states()) == DELIVERED


def test_a_destination_that_is_slow_to_say_what_it_has_is_asked_to_the_end(
    node: WorkingNode, pacs: CommittingPacs
) -> None:
    """All of its answers take longer than a lease, each of them less."""
    watch = ClockedWatch(node.clock)

    def take_long() -> None:
        node.clock.pass_(seconds=node.runtime.settings.delivery.lease_seconds * 2 / 3)
        watch.look()
        node.sweep()

    pacs.before_answer = take_long

    WorkingNode(replace(node.runtime, watchdog=watch), node.clock).deliver()

    assert len(pacs.queries) == len(node.deliveries()) == 2
    assert watch.overran == 0
    assert node.events("delivery_lease_expired") == []
    assert set(node.delivery_states()) == DELIVERED
