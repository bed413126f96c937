"""What never confirms: one alarm, told by the commands, answered by a report or a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from node.cli.app import app
from node.db.session import Database
from node.states import DeliveryState
from tests.committing_pacs import CommittingPacs
from tests.confirming import RESULTS, ask, deliver, delivered, scp_of, wait_in_vain
from tests.receiving import running_scp
from tests.reconciling import compare
from tests.servers import free_port
from tests.working_node import WorkingNode

DELIVERED, CONFIRMED = DeliveryState.DELIVERED, DeliveryState.CONFIRMED

QUESTIONS, COMMITMENTS = 3, 2
"""Before the alarm: by commitment, by query and by commitment."""


@pytest.fixture
def pacs() -> Iterator[CommittingPacs]:
    """A PACS that takes every question and answers none."""
    with CommittingPacs(has_query=False) as running:
        yield running


@pytest.fixture
def node(database: Database, tmp_path: Path, pacs: CommittingPacs) -> WorkingNode:
    """A node whose questions were not answered in time, before anybody noticed."""
    node = delivered(database, tmp_path, pacs, "commitment")
    for _ in range(QUESTIONS):
        ask(node)
        wait_in_vain(node)
    node.clock.pass_(hours=node.runtime.settings.delivery.confirm_hours)
    return node


def run(node: WorkingNode, url: str, *arguments: str) -> Any:
    environ = {
        "MGNODE_DATABASE__URL": url,
        "MGNODE_STORAGE__ROOT": str(node.runtime.settings.storage.root),
        "MGNODE_STORAGE__FREE_SPACE_GIB": "0",
    }
    return json.loads(CliRunner().invoke(app, [*arguments, "--json"], env=environ).stdout)


def test_what_is_not_confirmed_in_time_raises_one_alarm_and_is_asked_no_more(
    node: WorkingNode, pacs: CommittingPacs
) -> None:
    node.sweep()
    node.sweep()
    wait_in_vain(node)

    lines = node.events("delivery_unconfirmed")
    assert [line.entity_id for line in lines] == [row.id for row in node.deliveries()]
    assert {line.reason for line in lines} == {"NOT_IN_TIME"}
    assert lines[0].details == {"destination": "pacs", "questions": QUESTIONS, "times_lost": 0}
    assert ask(node) == 0
    assert len(pacs.requests) == COMMITMENTS
    assert node.delivery_states() == [DELIVERED] * RESULTS
    assert node.audit_problem() is None


def test_there_is_no_alarm_before_its_time(node: WorkingNode) -> None:
    node.clock.now = node.deliveries()[0].confirm_by or node.clock()

    node.sweep()

    assert node.events("delivery_unconfirmed") == []


def test_a_pacs_that_answers_nothing_is_asked_again_and_again_until_the_alarm(
    database: Database, tmp_path: Path, pacs: CommittingPacs
) -> None:
    node = delivered(database, tmp_path, pacs, "commitment", confirm_hours=1.0)
    for _ in range(5):
        node.sweep()
        ask(node)
        wait_in_vain(node)

    # At 0 and 30 minutes; the questions between were queries.
    assert len(pacs.requests) == 2
    assert len(node.events("delivery_unconfirmed")) == RESULTS


def test_a_node_that_was_off_beyond_the_deadline_asks_before_it_says_anything(
    database: Database, tmp_path: Path
) -> None:
    with CommittingPacs() as pacs:
        node = delivered(database, tmp_path, pacs, "query")
        node.clock.pass_(hours=60)
        node.sweep()
        ask(node)

    assert node.events("delivery_unconfirmed") == []
    assert node.delivery_states() == [CONFIRMED] * RESULTS


def test_a_node_that_was_off_and_asks_in_vain_raises_the_alarm_after_some_questions(
    database: Database, tmp_path: Path, pacs: CommittingPacs
) -> None:
    node = delivered(database, tmp_path, pacs, "commitment")
    node.clock.pass_(hours=60)
    before = []
    for _ in range(QUESTIONS):
        node.sweep()
        before += node.events("delivery_unconfirmed")
        ask(node)
        wait_in_vain(node)
    node.clock.pass_(seconds=1)
    node.sweep()

    assert before == []
    assert len(node.events("delivery_unconfirmed")) == RESULTS


def test_a_destination_that_was_away_since_it_took_them_is_asked_when_it_is_back(
    database: Database, tmp_path: Path
) -> None:
    """Whom no question reached has not failed to confirm; the age of the queue tells of it."""
    with CommittingPacs() as pacs:
        node = delivered(database, tmp_path, pacs, "query")
        away = pacs.destination("query").model_copy(update={"port": free_port()})
        for _ in range(5):
            node.clock.pass_(hours=6)
            node.sweep()
            ask(node.with_settings(destinations={"pacs": away}))
        told = compare(node)
        wait_in_vain(node)
        ask(node)

    assert told == {"QUEUE_TOO_OLD": 1}
    assert node.events("delivery_unconfirmed") == []
    assert node.delivery_states() == [CONFIRMED] * RESULTS


def test_a_destination_that_is_in_no_setting_any_more_raises_the_alarm_in_time(
    database: Database, tmp_path: Path, pacs: CommittingPacs
) -> None:
    node = delivered(database, tmp_path, pacs, "query")
    for _ in range(5):
        ask(node.with_settings(destinations={}))
        node.clock.pass_(hours=6)
    node.sweep()

    assert len(node.events("delivery_unconfirmed")) == RESULTS


def test_an_object_that_is_lost_again_and_again_raises_the_alarm_at_the_limit(
    database: Database, tmp_path: Path
) -> None:
    with CommittingPacs() as pacs:
        node = delivered(database, tmp_path, pacs, "query", resend_limit=2)
        lost = node.results()[0].sop_instance_uid
        for _ in range(2):
            pacs.lost.add(lost)
            ask(node)
            deliver(node)
        pacs.lost.add(lost)
        ask(node)
        node.deliver()

    assert pacs.stored.count(lost) == 3
    assert node.delivery_states() == [DELIVERED, CONFIRMED]
    assert [line.reason for line in node.events("delivery_unconfirmed")] == ["LOST_TOO_OFTEN"]


def test_a_report_that_comes_after_the_alarm_confirms_and_ends_it(
    node: WorkingNode, pacs: CommittingPacs, tmp_path: Path, database_url: str
) -> None:
    node.sweep()
    before = run(node, database_url, "health", "network")["unconfirmed_deliveries"]
    with running_scp(scp_of(node, tmp_path), node.database) as scp:
        pacs.report(scp.address)

    assert before == RESULTS
    assert node.delivery_states() == [CONFIRMED] * RESULTS
    assert run(node, database_url, "health", "network")["unconfirmed_deliveries"] == 0


def test_the_study_shows_what_is_confirmed_and_what_is_not(
    node: WorkingNode, database_url: str
) -> None:
    node.sweep()
    uid = node.events("delivery_unconfirmed")[0].study_instance_uid

    results = run(node, database_url, "studies", "show", uid)["results"]

    assert [row["confirmed_at"] for row in results] == [None] * RESULTS
    assert all(row["unconfirmed_since"] for row in results)


def test_a_person_has_what_was_not_confirmed_sent_and_asked_about_again(
    node: WorkingNode, pacs: CommittingPacs, database_url: str
) -> None:
    node.sweep()
    counts = run(node, database_url, "retry", "--all")
    deliver(node)
    ask(node)

    assert counts["deliveries"] == RESULTS
    assert len(pacs.stored) == 2 * RESULTS
    assert len(pacs.requests) == COMMITMENTS + 1
    assert len(node.events("delivery_replayed")) == RESULTS
    assert run(node, database_url, "health", "dispatch")["unconfirmed_deliveries"] == 0
