"""The tables of one run, and the words around them in docs/peers.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.peers.cell import Cell

_INTRODUCTION = """# The node beside three other receivers

`make peers` lets DCMTK's `storescp --fork`, Orthanc, pynetdicom's own `storescp` application
and the node's SCP meet the same faults, side by side in one run, and writes this page. Each is
started as it comes from its makers (PDUs of 131072 bytes where that can be set), the node as
`mgnode serve` on SQLite with its defaults. The peer that misbehaves writes its PDUs by hand. A
connection counts as open after 60 s. "Others wait" is how long another peer's C-ECHO took
meanwhile.

"""

_NOTES = """
- *A-ABORT, reset or kill -9*: kill -9 is of the receiver, which is then started again; its
  start sweeps the spool.
- *disk full*: a file system of 96 MiB in memory (tmpfs) with 4 MiB left, a mammogram of 17 MB,
  then space again. The node has `storage.free_space_gib = 0` there, so that the disk is full,
  not the setting's idea of it.
- *Success before durable?*: `strace -f` of the receiver; calls of fsync and fdatasync before
  the answer arrived, and how many of them were of the image's file or its folder, not of a
  database.
- *200 associations*: all connect and ask before the first answer is read; the time is from the
  first connect to the last echo's answer.
- *Idle associations*: processor time of the receiver and its children over 10 s.
- Rates: a Python sender on the same machine that writes prepared bytes; u is 3328 x 2560 of 16
  bit (17 MB), c is 5.5 MB in JPEG Lossless; median of three turns. The node alone waits for the
  disk before it answers, as Orthanc does.
"""


def page(
    cells: dict[str, dict[str, Cell]],
    goals: dict[str, str],
    speeds: dict[str, dict[str, float]],
    names: Sequence[str],
    load: str,
) -> str:
    """Write the whole page; the last of the names is the node's."""
    return (
        _INTRODUCTION
        + _faults(cells, goals, names)
        + "\n"
        + _rates(speeds, names)
        + _NOTES
        + f"- Load of the machine (2 processors) while the rows that measure time ran: {load}.\n"
    )


def _faults(cells: dict[str, dict[str, Cell]], goals: dict[str, str], names: Sequence[str]) -> str:
    rows = []
    for name, goal in goals.items():
        met = "yes" if cells[name][names[-1]].meets else "**no**"
        rows.append([name, *(cells[name][who].text for who in names), goal, met])
    return _table(["fault", *names, "the node's goal", "met"], rows)


def _rates(speeds: dict[str, dict[str, float]], names: Sequence[str]) -> str:
    """Write each speed and its multiple of the first receiver's, which is the yardstick."""
    rows = []
    for load, by_name in speeds.items():
        first = by_name[names[0]]
        cells = [
            f"{by_name[name]:.0f} ({by_name[name] / first:.2f})"
            if first and by_name[name]
            else "not all taken"
            for name in names
        ]
        rows.append([load, *cells])
    return _table([f"MB/s (multiple of {names[0]})", *names], rows)


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
