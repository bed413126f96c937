from __future__ import annotations

import signal

import pytest

from workers.decoding import verdict_on_end, verdict_on_slow

UID = "1.2.3"


@pytest.mark.parametrize(
    ("computed", "reason"), [(60.0, "DECODER_TIME"), (30.0, "DECODER_TIME"), (29.9, None)]
)
def test_only_an_image_that_computed_for_long_is_guilty_of_passing_the_limit(
    computed: float, reason: str | None
) -> None:
    assert getattr(verdict_on_slow(computed, 60.0, UID), "reason", None) == reason


@pytest.mark.parametrize(
    ("status", "reason"),
    [(-signal.SIGSEGV, "DECODER_CRASHED"), (-signal.SIGKILL, None), (0, None), (1, None)],
)
def test_only_a_crash_is_the_fault_of_the_image(status: int, reason: str | None) -> None:
    assert getattr(verdict_on_end(status, UID), "reason", None) == reason
