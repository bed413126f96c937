"""A set of whole numbers that is kept as ranges: a million in a row cost as much as one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from operator import itemgetter


class NumberRanges:
    """Ranges that do not touch, in order; ``add`` takes numbers above all that are there."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._ranges)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Give the first and last number of each range, in order."""
        return iter(self._ranges)

    def add(self, first: int, last: int) -> None:
        """Add the numbers from ``first`` to ``last``; none when ``last`` is below ``first``."""
        if first > last:
            return
        if self._ranges and self._ranges[-1][1] == first - 1:
            first = self._ranges.pop()[0]
        self._ranges.append((first, last))

    def remove(self, number: int) -> bool:
        """Take one number out; False when it was not there."""
        index = bisect_right(self._ranges, number, key=itemgetter(0)) - 1
        if index < 0 or self._ranges[index][1] < number:
            return False
        first, last = self._ranges[index]
        rest = [(first, number - 1), (number + 1, last)]
        self._ranges[index : index + 1] = [each for each in rest if each[0] <= each[1]]
        return True

    def take_first(self, *, keep: int) -> list[tuple[int, int]]:
        """Take the first ranges out, so many that ``keep`` are left."""
        taken, self._ranges = self._ranges[:-keep], self._ranges[-keep:]
        return taken
