"""When a study is complete: every clause of the rule, each with what would break it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from node.dispatch.completion import Because, StudyFacts, decide

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUIET = timedelta(seconds=120)
LIMIT = timedelta(minutes=60)
SECOND = timedelta(seconds=1)
FOUR = frozenset({("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")})

ALL_FOUR = StudyFacts(
    opened_at=NOON,
    last_received_at=NOON,
    analysed_views=FOUR,
    unfinished=0,
    is_being_sent=False,
)


def _decide(facts: StudyFacts, *, after: timedelta) -> Because | None:
    return decide(facts, now=NOON + after, quiet=QUIET, limit=LIMIT)


def test_four_analysed_views_complete_a_study_at_once() -> None:
    assert _decide(ALL_FOUR, after=SECOND) is Because.FOUR_VIEWS


@pytest.mark.parametrize("missing", sorted(FOUR))
def test_a_study_with_a_view_missing_waits_for_quiet(missing: tuple[str, str]) -> None:
    facts = replace(ALL_FOUR, analysed_views=FOUR - {missing})

    assert _decide(facts, after=QUIET - SECOND) is None
    assert _decide(facts, after=QUIET) is Because.QUIET


def test_four_views_wait_while_an_association_that_sends_the_study_is_open() -> None:
    facts = replace(ALL_FOUR, is_being_sent=True)

    assert _decide(facts, after=QUIET - SECOND) is None


def test_four_views_wait_for_a_fifth_image_that_is_not_dealt_with() -> None:
    assert _decide(replace(ALL_FOUR, unfinished=1), after=SECOND) is None


def test_quiet_time_does_not_report_past_an_image_that_is_not_dealt_with() -> None:
    assert _decide(replace(ALL_FOUR, unfinished=1), after=QUIET + SECOND) is None


def test_quiet_time_counts_from_the_last_image() -> None:
    facts = replace(
        ALL_FOUR, analysed_views=frozenset(), last_received_at=NOON + timedelta(minutes=5)
    )

    assert _decide(facts, after=timedelta(minutes=5) + QUIET - SECOND) is None
    assert _decide(facts, after=timedelta(minutes=5) + QUIET) is Because.QUIET


def test_the_limit_completes_a_study_whatever_is_still_to_do() -> None:
    facts = replace(
        ALL_FOUR,
        analysed_views=frozenset(),
        unfinished=3,
        is_being_sent=True,
        last_received_at=NOON + LIMIT - SECOND,
    )

    assert _decide(facts, after=LIMIT - SECOND) is None
    assert _decide(facts, after=LIMIT) is Because.LIMIT
