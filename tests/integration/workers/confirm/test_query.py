"""C-FIND of each object: instead of commitment, or where the PACS has none or takes no request."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.db.session import Database
from tests.committing_pacs import CommittingPacs
from tests.confirming import (
    CONFIRMED,
    DELIVERED,
    PENDING,
    RESULTS,
    ask,
    deliver,
    delivered,
    uids,
    wait_in_vain,
)
from tests.working_node import WorkingNode


@pytest.mark.parametrize("status", [0x0110, 0x0122, 0x0213])
def test_a_request_that_is_refused_becomes_a_query_at_once(
    node: WorkingNode, pacs: CommittingPacs, status: int
) -> None:
    pacs.takes_with = status

    ask(node)

    assert len(pacs.requests) == 1
    assert node.delivery_states() == [CONFIRMED] * RESULTS


def test_a_pacs_without_commitment_is_queried_at_once(database: Database, tmp_path: Path) -> None:
    with CommittingPacs(has_commitment=False) as pacs:
        node = delivered(database, tmp_path, pacs, "commitment")

        ask(node)

        assert node.delivery_states() == [CONFIRMED] * RESULTS


def test_what_a_query_does_not_find_is_sent_again(
    database: Database, tmp_path: Path, pacs: CommittingPacs
) -> None:
    node = delivered(database, tmp_path, pacs, "query")
    pacs.lost.add(uids(node)[0])

    ask(node)
    after_query = node.delivery_states()
    deliver(node)
    ask(node)

    assert pacs.requests == []
    assert after_query == [PENDING, CONFIRMED]
    assert pacs.stored.count(uids(node)[0]) == 2
    assert node.delivery_states() == [CONFIRMED] * RESULTS


def test_a_pacs_that_answers_with_more_than_was_asked_for_confirms_no_more(
    database: Database, tmp_path: Path, pacs: CommittingPacs
) -> None:
    node = delivered(database, tmp_path, pacs, "query")
    pacs.ignores_keys = True
    pacs.lost.add(uids(node)[0])

    ask(node)

    assert node.delivery_states() == [PENDING, CONFIRMED]


def test_a_query_that_fails_says_nothing(
    database: Database, tmp_path: Path, pacs: CommittingPacs
) -> None:
    node = delivered(database, tmp_path, pacs, "query")
    pacs.find_status = 0xA700

    ask(node)
    after_failure = node.delivery_states()
    pacs.find_status = 0x0000
    wait_in_vain(node)
    ask(node)

    assert after_failure == [DELIVERED] * RESULTS
    assert node.delivery_states() == [CONFIRMED] * RESULTS
