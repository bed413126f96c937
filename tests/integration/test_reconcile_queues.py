"""Rows are compared with the broker, the destinations and the clock."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from config.sending import Destination
from node.db import discrepancies
from node.db.assurance import Discrepancy
from node.db.session import Database
from node.db.tables import Delivery, Instance
from node.states import DeliveryState, InstanceState
from tests.factories import four_view_study, make_mammogram
from tests.reconciling import Broker, compare, open_rows, reconciler, told
from tests.working_node import WorkingNode, working_node


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    return working_node(
        tmp_path / "storage",
        database,
        destinations={"pacs": Destination(ae_title="PACS", host="127.0.0.1", port=104)},
    )


def test_a_queue_whose_oldest_waits_too_long_is_told_once_an_episode(node: WorkingNode) -> None:
    node.receive([make_mammogram()])
    node.clock.pass_(minutes=6)
    waiting = [compare(node), compare(node)]
    node.sweep()
    queued = compare(node)

    assert waiting == [{"QUEUE_TOO_OLD": 1}] * 2
    assert queued == {}
    assert told(node) == [
        ("discrepancy_found", "QUEUE_TOO_OLD", None),
        ("discrepancy_resolved", "QUEUE_TOO_OLD", "GONE"),
    ]
    node.clock.pass_(minutes=61)
    # Nobody takes it either, and its study is overdue a while later.
    assert compare(node) == {"QUEUE_TOO_OLD": 1, "NO_LISTENER": 1}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_worker_listens_when_nothing_due_is_claimed(node: WorkingNode) -> None:
    (first, second) = node.receive(four_view_study()[:2])
    node.sweep()
    node.clock.pass_(minutes=6)
    alone = compare(node)
    node.analyse(first)
    with_a_worker = compare(node)

    assert alone == {"NO_LISTENER": 1}
    assert open_rows(node) == []
    assert with_a_worker == {}
    assert node.instance(second).state is InstanceState.QUEUED


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_broker_that_stays_away_is_told_and_one_that_stumbles_is_not(node: WorkingNode) -> None:
    broker = Broker(is_away=True)
    compared = reconciler(node, broker)
    stumbles = compared.whole_pass()
    node.clock.pass_(minutes=2)
    stays = compared.whole_pass()
    broker.is_away = False

    assert stumbles == {}
    assert stays == {"BROKER_AWAY": 1}
    assert compared.whole_pass() == {}


def test_a_destination_that_takes_nothing_attempt_by_attempt_is_told(node: WorkingNode) -> None:
    node.report(node.complete(four_view_study()))
    end = node.clock() + timedelta(minutes=node.runtime.settings.alarms.failing_minutes)
    while node.clock() <= end:
        node.deliver()
        node.clock.now = max(row.not_before for row in node.deliveries() if row.not_before)
    assert compare(node) == {"DESTINATION_FAILING": 1}
    assert open_rows(node) == [("DESTINATION_FAILING", "pacs")]

    with node.database.begin() as session:
        session.execute(update(Delivery).where(Delivery.id == 1).values(delivered_at=node.clock()))
    assert compare(node) == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_results_for_a_destination_that_is_in_no_setting_are_told(node: WorkingNode) -> None:
    node.report(node.complete(four_view_study()))

    assert compare(node.with_settings(destinations={})) == {"DESTINATION_UNKNOWN": 1}
    assert open_rows(node) == [("DESTINATION_UNKNOWN", "pacs")]


def test_a_claim_without_a_lease_is_mended_and_taken_back_by_the_next_sweep(
    node: WorkingNode,
) -> None:
    node.report(node.complete(four_view_study()))
    (image,) = node.receive([make_mammogram(patient_id="MG-0002")])
    with node.database.begin() as session:
        for table, state in (
            (Instance, InstanceState.ANALYSING),
            (Delivery, DeliveryState.SENDING),
        ):
            session.execute(
                update(table)
                .where(table.id == image if table is Instance else table.id == 1)
                .values(state=state, attempts=1, lease_until=None)
            )

    assert compare(node) == {}
    node.clock.pass_(seconds=1)
    node.sweep()

    assert node.instance(image).state is InstanceState.QUEUED
    assert node.deliveries()[0].state is DeliveryState.PENDING
    mended = [each for each in told(node) if each[2] == "MENDED"]
    assert len(mended) == 2


def test_two_open_discrepancies_of_one_kind_and_subject_cannot_be(node: WorkingNode) -> None:
    found = discrepancies.Found(discrepancies.Kind.FILE_MISSING, "instances/none")
    for _ in range(2):
        with node.database.begin() as session:
            discrepancies.note(session, found, at=node.clock(), actor="test")
        node.clock.pass_(seconds=1)

    with node.database.read() as session:
        (row,) = session.scalars(select(Discrepancy))
    assert row.seen_at - row.found_at == timedelta(seconds=1)
