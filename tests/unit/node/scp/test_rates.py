from __future__ import annotations

import pytest

from node.errors import TooManyImages
from node.scp.rates import MOST_SENDERS, ImageRate
from node.scp.status import Status, response


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(rate: ImageRate, sender: str, attempts: int) -> int:
    """How many of these images are let in."""
    let_in = 0
    for _ in range(attempts):
        try:
            rate.take(sender)
            let_in += 1
        except TooManyImages:
            pass
    return let_in


def test_a_sender_has_its_minute_s_images_at_once_and_then_goes_on_at_that_pace() -> None:
    clock = Clock()
    rate = ImageRate(60, clock=clock)

    assert taken(rate, "MAMMO1", 100) == 60
    clock.now += 5.0
    assert taken(rate, "MAMMO1", 100) == 5
    clock.now += 3600.0
    assert taken(rate, "MAMMO1", 100) == 60


def test_the_others_do_not_pay_for_one_sender() -> None:
    rate = ImageRate(10, clock=Clock())

    assert [taken(rate, sender, 20) for sender in ("MAMMO1", "MAMMO2")] == [10, 10]


def test_the_answer_says_why_and_for_how_long_to_wait() -> None:
    clock = Clock()
    rate = ImageRate(4, clock=clock)
    taken(rate, "MAMMO1", 4)
    clock.now += 5.0

    with pytest.raises(TooManyImages) as refused:
        rate.take("MAMMO1")

    answer = response(refused.value)
    assert answer.Status == Status.OUT_OF_RESOURCES
    assert answer.ErrorComment == "limit of 4 images a minute, send again in 10 s"
    clock.now += 10.0
    assert taken(rate, "MAMMO1", 2) == 1


def test_zero_is_no_limit() -> None:
    assert taken(ImageRate(0, clock=Clock()), "MAMMO1", 1000) == 1000


def test_any_number_of_senders_takes_little_memory() -> None:
    rate = ImageRate(1, clock=Clock())

    for number in range(3 * MOST_SENDERS):
        rate.take(f"AE{number}")

    assert len(rate._buckets) == MOST_SENDERS
    assert taken(rate, f"AE{3 * MOST_SENDERS - 1}", 1) == 0
