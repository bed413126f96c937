"""The figures of a run as JSON, and as tables for the documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from benchmarks.soak.run import NETWORK, Outcome
from benchmarks.soak.sampling import Series, is_flat

WATCHED: Final = {
    "rss": "RSS, MiB",
    "own": "own memory, MiB",
    "descriptors": "descriptors",
    "threads": "threads",
}
SLACK: Final = {"rss": 0.0, "own": 1.0, "descriptors": 2.0, "threads": 2.0}
"""Pools hold a connection or a thread more or less from one moment to the next."""

SHORTEST_MINUTES: Final = 5.0
"""A process that lived for less says nothing about its memory."""


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Give everything that the page is made of, and the samples."""
    soak = outcome.soak
    return {
        "images": soak.images,
        "rate": soak.rate,
        "seed": soak.seed,
        "servers": "PostgreSQL, Redis" if soak.servers else "SQLite, the embedded broker",
        "network": NETWORK,
        "seconds": outcome.seconds,
        "problems": [*outcome.reckoning.problems, *_grown(outcome.series)],
        "figures": outcome.reckoning.figures,
        "faults": dict(Counter(fault.kind for fault in outcome.struck)),
        "flatness": [_flatness(series) for series in _longest(outcome.series)],
        "processes started": dict(Counter(series.program for series in outcome.series)),
        "struck": [[fault.at, fault.kind] for fault in outcome.struck],
        "series": [series.as_rows() for series in outcome.series],
    }


def as_page(found: dict[str, Any]) -> str:
    """Write the tables of one run in Markdown."""
    figures = found["figures"]
    images = figures["images"]
    seconds = found["seconds"]
    verdict = "; ".join(found["problems"]) or "none: every image, result and byte is accounted for"
    parts = [
        _table(
            ["what", "figure"],
            [
                ["servers", found["servers"]],
                ["seed", found["seed"]],
                ["minutes of sending", f"{seconds['sending'] / 60:.1f}"],
                ["minutes until all was done", f"{seconds['until all was done'] / 60:.1f}"],
                ["images sent", images["sent"]],
                ["images answered success", images["answered success"]],
                ["images with a row", images["rows"]],
                ["states of the images", _words(images["states"])],
                ["not analysed, by reason", _words(images["set aside"])],
                ["answers to C-STORE", _words(images["answers"])],
                ["studies", figures["results"]["studies"]],
                [
                    "results",
                    _words({k: v for k, v in figures["results"].items() if "stud" not in k}),
                ],
                [
                    "studies reported more than once",
                    figures["results"]["studies reported more than once"],
                ],
                *(
                    [
                        f"results at {name}",
                        f"{row['results']}, came again: {_known(row['came again'])}",
                    ]
                    for name, row in figures["deliveries"].items()
                ),
                ["audit events, chain intact", figures["audit"]["events"]],
                ["problems", verdict],
            ],
        ),
        _table(["fault", "times"], sorted(found["faults"].items())),
        _table(["peer that misbehaved", "times"], sorted(figures["intruders"].items())),
        _table(
            ["process", "minutes", "of a core", *WATCHED.values()],
            [
                [
                    row["program"],
                    f"{row['minutes']:.0f}",
                    f"{row['core']:.0%}",
                    *(_change(what, row[what]) for what in WATCHED),
                ]
                for row in found["flatness"]
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _longest(series: Iterable[Series]) -> list[Series]:
    """Give the longest life of each program, where that says something."""
    longest: dict[str, Series] = {}
    for one in series:
        if one.minutes > max(SHORTEST_MINUTES, getattr(longest.get(one.program), "minutes", 0.0)):
            longest[one.program] = one
    return list(longest.values())


def _grown(series: Iterable[Series]) -> list[str]:
    """Name what was not flat."""
    return [
        f"{what} of {one.program} grew from {one.tenths(what)[0]:.0f} to {one.tenths(what)[1]:.0f}"
        for one in _longest(series)
        for what in WATCHED
        if not is_flat(*one.tenths(what), slack=SLACK[what])
    ]


def _flatness(series: Series) -> dict[str, Any]:
    return {
        "program": series.program,
        "minutes": series.minutes,
        "core": series.share_of_a_core,
        **{what: series.tenths(what) for what in WATCHED},
    }


def _change(what: str, tenths: tuple[float, float]) -> str:
    second, last = tenths
    change = last / second - 1 if second else 0.0
    return f"{second:.0f} to {last:.0f} ({change:+.1%})" + (
        "" if is_flat(second, last, slack=SLACK[what]) else " **grew**"
    )


def _table(head: list[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [head, ["---"] * len(head), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items()) or "none"


def _known(number: int | None) -> str:
    return "not counted" if number is None else str(number)
