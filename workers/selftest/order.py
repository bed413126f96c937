"""Whether what became visible was durable first: the order of a child's operations.

A killed process leaves its writes in the kernel, so that no kill can show a missing fsync.
What shows it is the order in which they were asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from workers.selftest.gate import Kind, Point

_STORED = ("instances", "results", "quarantine")


def order_problems(trace: Sequence[Point]) -> list[str]:
    """Name every commit and answer that came before the files behind it were durable.

    Parameters
    ----------
    trace : sequence of Point
        What one child did, in its order.
    """
    problems: list[str] = []
    unnamed: dict[str, str] = {}
    committed = True
    for point in trace:
        if point.failed:
            # What was under way is given up, and no row will name its file.
            unnamed, committed = {}, True
            continue
        match point.kind:
            case Kind.SYNC:
                unnamed = {file: folder for file, folder in unnamed.items() if folder != point.path}
            case Kind.NAME:
                old, new = point.path.split(">")
                if new.split("/")[0] in _STORED:
                    committed = False
                    if not _was_synced(trace, point, old):
                        problems.append(f"{new} got its name before its content was synced")
                    unnamed[new] = str(PurePosixPath(new).parent)
            case Kind.FOLDER:
                unnamed[point.path] = str(PurePosixPath(point.path).parent)
            case Kind.COMMIT:
                problems += [f"committed before the name of {file} was synced" for file in unnamed]
                unnamed = {}
                committed = True
            case Kind.ANSWER if point.where == "0x0000" and not committed:
                problems.append("a C-STORE was answered with success before its row was committed")
            case _:
                pass
    return problems


def _was_synced(trace: Sequence[Point], named: Point, old: str) -> bool:
    """Say whether a file was synced after the last write to it that was seen."""
    synced = False
    for point in trace:
        if point is named:
            break
        if point.path == old and point.kind in (Kind.WRITE, Kind.SYNC):
            synced = point.kind is Kind.SYNC
    return synced
