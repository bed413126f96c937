"""Memory, descriptors and threads of each process over time, from /proc (Linux)."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

FLAT: Final = 0.05
"""The last tenth may differ from the second by this share."""


@dataclass(frozen=True)
class Sample:
    """One look at one process; memory in MiB, ``seconds`` since the beginning of the run.

    ``own`` is memory behind which no file is: what others share with the process is not in
    it, and does not move it when they end.
    """

    seconds: float
    rss: float
    own: float
    descriptors: int
    threads: int
    cpu_seconds: float
    children: int
    children_rss: float


@dataclass
class Series:
    """What was seen of one process from its start to its end."""

    program: str
    pid: int
    samples: list[Sample] = field(default_factory=list)

    @property
    def minutes(self) -> float:
        """How long it was watched."""
        return (self.samples[-1].seconds - self.samples[0].seconds) / 60 if self.samples else 0.0

    @property
    def share_of_a_core(self) -> float:
        """Processor time by time."""
        first, last = self.samples[0], self.samples[-1]
        return (last.cpu_seconds - first.cpu_seconds) / max(last.seconds - first.seconds, 1.0)

    def tenths(self, what: str) -> tuple[float, float]:
        """Medians of the second and of the last tenth of the samples."""
        values = [float(getattr(sample, what)) for sample in self.samples]
        return tenths(values)

    def as_rows(self) -> dict[str, object]:
        """Give it for a JSON file."""
        return {
            "program": self.program,
            "pid": self.pid,
            "samples": [list(asdict(sample).values()) for sample in self.samples],
        }


def tenths(values: Sequence[float]) -> tuple[float, float]:
    """Medians of the second and of the last tenth; of everything when there are few."""
    size = max(len(values) // 10, 1)
    second = values[size : 2 * size] or values
    return statistics.median(second), statistics.median(values[-size:])


def is_flat(second: float, last: float, *, slack: float = 0.0) -> bool:
    """Say whether a figure has not grown, by a twentieth or the slack: falling is no leak."""
    return last <= second + max(second * FLAT, slack)


class Sampler:
    """Looks at processes; one that was started again begins a new series."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._series: dict[tuple[str, int], Series] = {}

    def look(self, pids: dict[str, int]) -> None:
        """Take one sample of each; one that has just died is left out."""
        now = time.monotonic() - self._began
        for program, pid in pids.items():
            try:
                sample = _sample(now, pid)
            except (OSError, StopIteration, ValueError):
                continue
            self._series.setdefault((program, pid), Series(program, pid)).samples.append(sample)

    @property
    def series(self) -> list[Series]:
        """Every series, the oldest first."""
        return list(self._series.values())


def _sample(now: float, pid: int) -> Sample:
    process = Path("/proc", str(pid))
    status = _fields(process / "status")
    children = [
        int(word)
        for task in (process / "task").iterdir()
        for word in (task / "children").read_text().split()
    ]
    return Sample(
        seconds=round(now, 1),
        rss=status["VmRSS"] / 1024,
        own=_fields(process / "smaps_rollup")["Anonymous"] / 1024,
        descriptors=len(list((process / "fd").iterdir())),
        threads=status["Threads"],
        cpu_seconds=_cpu_seconds(process),
        children=len(children),
        children_rss=sum(_rss(child) for child in children),
    )


def _cpu_seconds(process: Path) -> float:
    # After the name in brackets, which may hold blanks: fields 14 and 15 of proc(5).
    words = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> float:
    try:
        return _fields(Path("/proc", str(pid), "status")).get("VmRSS", 0) / 1024
    except OSError:
        return 0.0


def _fields(path: Path) -> dict[str, int]:
    """Read the whole numbers of a file of ``Name: number unit`` lines."""
    found = {}
    for line in path.read_text().splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if words and words[0].isdigit():
            found[name] = int(words[0])
    if "VmRSS" not in found and "Anonymous" not in found:
        raise ValueError(f"{path}: the process has ended")
    return found
