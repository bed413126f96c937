"""Parts of a whole with exact intervals."""

from __future__ import annotations

from typing import NamedTuple


class Interval(NamedTuple):
    """Both ends belong to it."""

    low: float
    high: float


class Proportion(NamedTuple):
    """So many of so many."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """None of nothing is not zero: it is not defined."""
        return self.part / self.whole if self.whole else None

    def interval(self, confidence: float) -> Interval | None:
        """Give the exact (Clopper-Pearson) interval; None when there is no whole.

        It takes the trials for independent; the published intervals do the same.
        """
        if not self.whole:
            return None
        from scipy.stats import beta

        tail = (1 - confidence) / 2
        missed = self.whole - self.part
        return Interval(
            float(beta.ppf(tail, self.part, missed + 1)) if self.part else 0.0,
            float(beta.ppf(1 - tail, self.part + 1, missed)) if missed else 1.0,
        )
