"""How many images a minute one sender may store: a bucket that fills again as time goes by."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node.errors import TooManyImages

if TYPE_CHECKING:
    from collections.abc import Callable

_MINUTE: Final = 60.0
MOST_SENDERS: Final = 1024
"""Remembered at one time; of more, the one that was silent for longest is forgotten."""


@dataclass
class _Bucket:
    """So many more images as of ``at``."""

    left: float
    at: float


class ImageRate:
    """Counts the images of each sender, of whatever kind of name; from many threads at once.

    A sender may store a whole minute's images at once, and then goes on at that pace.

    Parameters
    ----------
    per_minute : int
        Images; 0 for no limit.
    clock : callable, optional
        Seconds that only grow.
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}

    def take(self, sender: str) -> None:
        """Count one image of ``sender``.

        Raises
        ------
        TooManyImages
            It has had its images of this minute; the text says for how long to wait.
        """
        if not self._per_minute:
            return
        now = self._clock()
        with self._lock:
            bucket = self._buckets.pop(sender, None) or _Bucket(self._per_minute, now)
            filled = bucket.left + (now - bucket.at) * self._per_minute / _MINUTE
            left = min(filled, self._per_minute)
            is_allowed = left >= 1
            # Put back last: the first is then the one that was silent for longest.
            self._buckets[sender] = _Bucket(left - is_allowed, now)
            if len(self._buckets) > MOST_SENDERS:
                del self._buckets[next(iter(self._buckets))]
        if not is_allowed:
            seconds = math.ceil(round((1 - left) * _MINUTE / self._per_minute, 3))
            # Error Comment (0000,0902) has 64 characters.
            raise TooManyImages(
                f"limit of {self._per_minute} images a minute, send again in {seconds} s"
            )
