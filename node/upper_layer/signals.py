"""How one thread tells another that there is something to do, and timers that no clock moves."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from pynetdicom.timer import Timer
from typing_extensions import override

T = TypeVar("T")

_PIPE_BYTES: Final = 4096


class SignallingQueue(queue.Queue[T]):
    """A queue that calls ``signal`` after each put."""

    def __init__(self, signal: Callable[[], None]) -> None:
        super().__init__()
        self._signal = signal

    @override
    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Append an item, then signal: whoever is woken finds it."""
        super().put(item, block, timeout)
        self._signal()


class WakeUp:
    """Wakes a thread that waits for a socket: a pipe that is waited for beside it.

    ``set`` may be called by any thread at any time; the rest belongs to the one that waits.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pipe: tuple[int, int] | None = None
        self._is_set = False

    def open(self) -> None:
        """Make the pipe; before that nobody waits, and ``set`` has nothing to do."""
        pipe = os.pipe()
        for end in pipe:
            os.set_blocking(end, False)
        with self._lock:
            self._pipe = pipe

    def close(self) -> None:
        """Close the pipe; a later ``set`` does nothing."""
        # Under the lock: the numbers may belong to another connection a moment later.
        with self._lock:
            ends, self._pipe = self._pipe, None
        for end in ends or ():
            os.close(end)

    def set(self) -> None:
        """Let the next ``wait`` return at once."""
        with self._lock:
            if self._pipe is None or self._is_set:
                return
            self._is_set = True
            with contextlib.suppress(BlockingIOError):
                os.write(self._pipe[1], b"\0")

    def clear(self) -> None:
        """Forget what was set; look after it for what there is to do, then wait."""
        with self._lock:
            if self._pipe is not None and self._is_set:
                self._is_set = False
                with contextlib.suppress(BlockingIOError):
                    os.read(self._pipe[0], _PIPE_BYTES)

    def wait(self, descriptor: int | None, seconds: float | None) -> None:
        """Sleep until set, until something can be read, or until the time is over.

        Parameters
        ----------
        descriptor : int or None
            Of a socket; its end or an error counts as something to read.
        seconds : float or None
            Not limited when None.
        """
        if self._pipe is None:
            return
        waiting = select.poll()
        waiting.register(self._pipe[0], select.POLLIN)
        if descriptor is not None:
            waiting.register(descriptor, select.POLLIN)
        # Rounded up, or it would return a moment before the timer is over, again and again.
        waiting.poll(None if seconds is None else max(0, int(seconds * 1000) + 1))


def is_readable(descriptor: int) -> bool:
    """Say whether a socket has something to read, its end included; any number of sockets.

    Raises
    ------
    OSError
        The socket is closed.
    """
    if descriptor < 0:
        raise OSError("the socket is closed")
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(0))


class MonotonicTimer(Timer):
    """pynetdicom's timer on a clock that cannot be set; a stopped one never expires."""

    def __init__(self, timeout: float | None) -> None:
        super().__init__(timeout)
        self._started: float | None = None

    @override
    def start(self) -> None:
        """Begin to count, from zero."""
        self._started = time.monotonic()

    @override
    def stop(self) -> None:
        """Count no more."""
        self._started = None

    @property
    @override
    def remaining(self) -> float:
        """Seconds until it expires; the whole time when it does not run, 1 when it never does."""
        if self.timeout is None:
            return 1
        started = self._started
        return self.timeout if started is None else self.timeout - (time.monotonic() - started)

    @property
    @override
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.seconds_left() == 0

    def seconds_left(self) -> float | None:
        """Seconds until it expires, at least zero; None when it never will."""
        if self.timeout is None or self._started is None:
            return None
        return max(0.0, self.remaining)


def nearest(*seconds: float | None) -> float | None:
    """Give the smallest of several times to wait; None is for ever."""
    return min((each for each in seconds if each is not None), default=None)
