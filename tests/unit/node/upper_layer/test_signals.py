"""Waking a thread that waits for a socket, and timers that no clock moves."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from node.upper_layer.signals import MonotonicTimer, SignallingQueue, WakeUp, is_readable, nearest

LONG = 60.0
"""Seconds that no test waits: a lost signal shows as a time-out of the test."""


@pytest.fixture
def wake_up() -> WakeUp:
    made = WakeUp()
    made.open()
    return made


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a path for each would be opened


def test_what_was_set_before_the_wait_is_not_lost(wake_up: WakeUp) -> None:
    wake_up.set()

    wake_up.wait(None, LONG)

    wake_up.close()


def test_another_thread_ends_the_wait(wake_up: WakeUp) -> None:
    other = threading.Timer(0.01, wake_up.set)
    other.start()

    wake_up.wait(None, LONG)

    other.join()
    wake_up.close()


def test_a_socket_ends_the_wait(wake_up: WakeUp) -> None:
    near, far = socket.socketpair()
    with near, far:
        assert not is_readable(near.fileno())
        far.send(b"x")

        wake_up.wait(near.fileno(), LONG)

        assert is_readable(near.fileno())
    wake_up.close()


def test_what_is_cleared_does_not_end_the_next_wait(wake_up: WakeUp) -> None:
    wake_up.set()
    wake_up.set()
    wake_up.clear()

    before = threading.Event()
    waiting = threading.Thread(target=lambda: (wake_up.wait(None, LONG), before.set()))
    waiting.start()

    assert not before.wait(0.05)
    wake_up.set()
    waiting.join(LONG)
    assert before.is_set()
    wake_up.close()


def test_who_signals_after_the_end_writes_into_no_stranger_s_file() -> None:
    """The numbers of a closed pipe are given to the next connection that is opened."""
    wake_up = WakeUp()
    wake_up.set()
    before = open_descriptors()
    wake_up.open()
    wake_up.close()
    near, far = socket.socketpair()
    with near, far:
        wake_up.set()

        assert not is_readable(near.fileno())
        assert not is_readable(far.fileno())
    assert open_descriptors() == before


def test_a_queue_signals_when_the_item_is_there() -> None:
    seen: list[int] = []
    queue: SignallingQueue[str] = SignallingQueue(lambda: seen.append(queue.qsize()))

    queue.put("one")

    assert seen == [1]


def test_only_a_timer_that_runs_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("node.upper_layer.signals.time.monotonic", lambda: now)
    timer = MonotonicTimer(10.0)
    assert (timer.expired, timer.seconds_left()) == (False, None)

    timer.start()
    now += 4.0
    assert (timer.expired, timer.seconds_left()) == (False, 6.0)
    now += 6.0
    assert (timer.expired, timer.seconds_left()) == (True, 0.0)

    timer.stop()
    assert (timer.expired, timer.seconds_left()) == (False, None)


def test_a_timer_without_an_end_never_expires() -> None:
    timer = MonotonicTimer(None)
    timer.start()

    assert (timer.expired, timer.seconds_left(), timer.remaining) == (False, None, 1)


def test_the_clock_on_the_wall_moves_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    timer = MonotonicTimer(10.0)
    timer.start()
    monkeypatch.setattr("time.time", lambda: 4e9)

    assert not timer.expired


@pytest.mark.parametrize(
    ("times", "expected"),
    [((), None), ((None, None), None), ((None, 2.0, 1.0), 1.0), ((0.0, None), 0.0)],
)
def test_the_nearest_time_counts(times: tuple[float | None, ...], expected: float | None) -> None:
    assert nearest(*times) == expected
