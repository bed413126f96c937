"""The pauses between attempts."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.retry import JITTER, pause_before

FIRST = timedelta(seconds=30)
LONGEST = timedelta(hours=1)


@pytest.mark.parametrize(("attempt", "seconds"), [(2, 30), (3, 60), (4, 120), (8, 1920)])
def test_the_pause_doubles_with_each_attempt(attempt: int, seconds: float) -> None:
    pause = pause_before(attempt, first=FIRST, longest=LONGEST, random=Random(1))

    assert (1 - JITTER) * seconds <= pause.total_seconds() <= (1 + JITTER) * seconds


@given(attempt=st.integers(min_value=1, max_value=100_000), seed=st.integers())
def test_the_pause_stays_between_a_little_less_than_the_first_and_the_longest(
    attempt: int, seed: int
) -> None:
    pause = pause_before(attempt, first=FIRST, longest=LONGEST, random=Random(seed))

    assert FIRST * (1 - JITTER) <= pause <= LONGEST


def test_two_rows_do_not_come_back_at_the_same_moment() -> None:
    random = Random(1)

    pauses = {pause_before(5, first=FIRST, longest=LONGEST, random=random) for _ in range(20)}

    assert len(pauses) == 20
