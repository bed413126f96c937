"""Figures as a person reads them."""

from __future__ import annotations

import numpy as np

from models.evaluation.breakdown import SIZES
from models.evaluation.proportions import Interval, Proportion

NOT_DEFINED = "not defined"

DIMENSIONS = {
    "density": "Density",
    "finding": "Finding",
    "size": "Size of the cancer",
    "source": "Film or digital",
    "view": "View",
    "side": "Side",
}
"""In the order of the page."""

_NAMES = {
    ("density", "A"): "A, almost entirely fatty",
    ("density", "B"): "B, scattered",
    ("density", "C"): "C, heterogeneously dense",
    ("density", "D"): "D, extremely dense",
    ("side", "L"): "left",
    ("side", "R"): "right",
    **{("size", size): f"{size} of the image's length" for size in SIZES},
}


def number(value: float | None) -> str:
    """Give two digits behind the point; a minus sign that is one."""
    return NOT_DEFINED if value is None else f"{value:.2f}".replace("-", "−")


def interval(ends: Interval | None) -> str:
    """Give both ends in words: a dash beside a minus sign cannot be read."""
    return "" if ends is None else f"{number(ends.low)} to {number(ends.high)}"


def of(share: Proportion) -> str:
    """Give the counts of a share, ``31 of 37``."""
    return f"{share.part} of {share.whole}"


def score(value: float) -> str:
    """Give a threshold in as many digits as say it exactly: a rounded one is another one.

    Scores are float32; a threshold that a person gave may be anything.
    """
    short = np.format_float_positional(np.float32(value), unique=True, trim="0")
    return short if float(np.float32(value)) == value else repr(value)


def p_value(value: float | None) -> str:
    """Give a p-value as publications do."""
    if value is None:
        return NOT_DEFINED
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def group_name(dimension: str, name: str) -> str:
    """Name a group in words."""
    return _NAMES.get((dimension, name), name) or "not known"
