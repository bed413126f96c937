"""What a scripted PACS says of the results it got: at once, later, never, or that it lost one."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from node.clock import utc_now
from node.db.commitments import record_request
from node.db.confirmations import claim_awaited
from node.db.session import Database
from node.db.tables import Commitment
from tests.committing_pacs import CommittingPacs, referenced
from tests.confirming import (
    CONFIRMED,
    DELIVERED,
    PENDING,
    RESULTS,
    ask,
    deliver,
    delivered,
    scp_of,
    uids,
    wait_in_vain,
)
from tests.receiving import running_scp
from tests.working_node import WorkingNode
from workers.confirm import confirm_deliveries


def reasons(node: WorkingNode, event: str) -> list[str]:
    return [line.reason for line in node.events(event)]


def test_a_report_on_a_new_association_confirms_what_it_names(
    node: WorkingNode, pacs: CommittingPacs, tmp_path: Path
) -> None:
    ask(node)
    asked = node.delivery_states()
    with running_scp(scp_of(node, tmp_path), node.database) as scp:
        status = pacs.report(scp.address)

    assert sorted(referenced(pacs.requests[0])) == sorted(uids(node))
    assert asked == [DELIVERED] * RESULTS
    assert status == 0x0000
    assert node.delivery_states() == [CONFIRMED] * RESULTS
    assert reasons(node, "delivery_confirmed") == ["COMMITMENT"] * RESULTS
    assert pacs.queries == []
    assert node.audit_problem() is None


def test_a_report_on_the_association_that_asked_confirms_too(
    database: Database, tmp_path: Path, pacs: CommittingPacs
) -> None:
    pacs.reports_here = True
    node = delivered(database, tmp_path, pacs, "commitment", report_wait_seconds=10.0)

    ask(node)
    pacs.wait_for_reports()

    assert pacs.answers == [0x0000]
    assert node.delivery_states() == [CONFIRMED] * RESULTS


def test_a_report_of_another_transaction_on_the_association_that_asked_changes_nothing(
    database: Database, tmp_path: Path, pacs: CommittingPacs
) -> None:
    pacs.reports_here, pacs.transaction = True, "2.25.4711"
    node = delivered(database, tmp_path, pacs, "commitment", report_wait_seconds=5.0)

    ask(node)
    pacs.wait_for_reports()

    assert pacs.answers == [0x0115]
    assert CONFIRMED not in node.delivery_states()
    (line,) = node.events("commitment_refused")
    assert (line.uid, line.reason) == ("2.25.4711", "UNKNOWN_TRANSACTION")


def test_without_a_report_in_time_each_object_is_queried(
    node: WorkingNode, pacs: CommittingPacs
) -> None:
    ask(node)
    early = ask(node)
    wait_in_vain(node)
    ask(node)

    assert early == 0
    assert len(pacs.requests) == 1
    assert [str(query.SOPInstanceUID) for query in pacs.queries] == uids(node)
    assert {query.QueryRetrieveLevel for query in pacs.queries} == {"IMAGE"}
    assert node.delivery_states() == [CONFIRMED] * RESULTS
    assert reasons(node, "delivery_confirmed") == ["QUERY"] * RESULTS


def test_what_the_report_says_is_lost_is_sent_again_and_nothing_else(
    node: WorkingNode, pacs: CommittingPacs, tmp_path: Path
) -> None:
    _, lost = uids(node)
    pacs.lost.add(lost)
    ask(node)
    with running_scp(scp_of(node, tmp_path), node.database) as scp:
        pacs.report(scp.address)
        after_report = node.delivery_states()
        deliver(node)
        ask(node)
        pacs.report(scp.address)

    assert after_report == [CONFIRMED, PENDING]
    assert sorted(pacs.stored) == sorted([*uids(node), lost])
    assert referenced(pacs.requests[1]) == [lost]
    assert node.delivery_states() == [CONFIRMED] * RESULTS
    assert [line.uid for line in node.events("delivery_lost")] == [lost]
    assert node.audit_problem() is None


def test_another_failure_loses_nothing_and_a_query_decides(
    node: WorkingNode, pacs: CommittingPacs, tmp_path: Path
) -> None:
    pacs.broken.add(uids(node)[0])
    ask(node)
    with running_scp(scp_of(node, tmp_path), node.database) as scp:
        pacs.report(scp.address)
    after_report = node.delivery_states()
    # The SCP recorded the report by the machine's clock, which is not the test's.
    node.clock.now = max(node.clock.now, utc_now())
    wait_in_vain(node)
    ask(node)

    assert after_report == [DELIVERED, CONFIRMED]
    assert len(pacs.stored) == RESULTS
    assert node.delivery_states() == [CONFIRMED] * RESULTS
    assert reasons(node, "delivery_confirmed") == ["COMMITMENT", "QUERY"]


def test_a_report_of_an_older_copy_says_nothing_of_the_one_sent_since(
    node: WorkingNode, pacs: CommittingPacs, tmp_path: Path
) -> None:
    pacs.lost.update(uids(node))
    ask(node)
    wait_in_vain(node)
    ask(node)
    deliver(node)
    with running_scp(scp_of(node, tmp_path), node.database) as scp:
        status = pacs.report(scp.address, request=pacs.requests[0])

    assert status == 0x0000
    assert node.delivery_states() == [DELIVERED] * RESULTS


def test_a_report_that_comes_after_the_query_failed_still_counts(
    node: WorkingNode, pacs: CommittingPacs, tmp_path: Path
) -> None:
    pacs.find_status = 0xA700
    ask(node)
    wait_in_vain(node)
    ask(node)
    with running_scp(scp_of(node, tmp_path), node.database) as scp:
        pacs.report(scp.address)

    assert node.delivery_states() == [CONFIRMED] * RESULTS


def test_a_destination_that_was_away_is_asked_by_commitment_when_it_is_back(
    node: WorkingNode, pacs: CommittingPacs
) -> None:
    away = pacs.destination("commitment").model_copy(update={"port": 1})
    ask(node.with_settings(destinations={"pacs": away}))
    at_once = ask(node)
    wait_in_vain(node)
    ask(node)

    assert at_once == 0
    assert len(pacs.requests) == 1
    assert {row.confirm_attempts for row in node.deliveries()} == {1}


def test_a_worker_that_dies_before_it_asked_costs_time_and_nothing_else(
    node: WorkingNode,
) -> None:
    ids = [row.id for row in node.deliveries()]
    settings = node.runtime.settings.delivery
    now = node.clock()
    with node.database.begin() as session:
        claims = claim_awaited(
            session,
            ids,
            lease_until=now + timedelta(seconds=settings.lease_seconds),
            next_at=now + timedelta(minutes=settings.confirm_timeout_minutes),
            at=now,
        )
    with node.database.begin() as session:
        record_request(session, "2.25.1", claims, destination="pacs", at=now, actor="killed")

    meanwhile = ask(node)
    wait_in_vain(node)
    ask(node)

    assert meanwhile == 0
    assert node.delivery_states() == [CONFIRMED] * RESULTS


def test_two_workers_with_the_same_message_ask_once(
    node: WorkingNode, pacs: CommittingPacs
) -> None:
    ids = [row.id for row in node.deliveries()]
    together = threading.Barrier(2)

    def work() -> None:
        together.wait()
        confirm_deliveries(node.runtime, ids)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert (len(pacs.requests), pacs.queries) == (1, [])


def test_the_transaction_is_a_row_before_the_pacs_hears_of_it(
    node: WorkingNode, pacs: CommittingPacs
) -> None:
    pacs.takes_with = 0x0110
    ask(node)

    with node.database.read() as session:
        row = session.scalars(select(Commitment)).one()
    assert row.transaction_uid == str(pacs.requests[0].TransactionUID)
    assert (row.destination, row.answered_at) == ("pacs", None)
    assert row.delivery_ids == [delivery.id for delivery in node.deliveries()]


def test_a_destination_that_is_not_to_be_asked_is_not(
    database: Database, tmp_path: Path, pacs: CommittingPacs
) -> None:
    node = delivered(database, tmp_path, pacs, "none")

    assert ask(node) == 0
    assert node.delivery_states() == [DELIVERED] * RESULTS


def test_a_destination_that_is_no_longer_to_be_asked_raises_no_alarm(
    node: WorkingNode, pacs: CommittingPacs
) -> None:
    changed = node.with_settings(destinations={"pacs": pacs.destination("none")})
    ask(changed)
    node.clock.pass_(hours=25)
    node.sweep()

    assert pacs.requests == []
    assert node.events("delivery_unconfirmed") == []
