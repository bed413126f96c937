"""Many peers at once: 200 associations with an echo each, and what idle ones cost.

The node's SCP and DCMTK's ``storescp --fork`` are processes of their own, started in one run
and asked by turns, so that a busy machine is busy for both.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from typing_extensions import override

from node.cli.tables import table
from node.db.upgrade import upgrade
from tests.pdus import ASSOCIATE_AC, EXPLICIT, VERIFICATION, associate_rq
from tests.peer import RawRequestor
from tests.requirements import program
from tests.servers import Server, free_port, running

IDLE_COUNTS = (20, 100)
CONTEXT = (VERIFICATION, [EXPLICIT])
_TICKS = os.sysconf("SC_CLK_TCK")


class Peer(Server):
    """An SCP under test."""

    called = "MGNODE"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()

    @override
    def is_ready(self) -> bool:
        try:
            with self.connection() as line:
                return line.associate(CONTEXT, called=self.called).kind == ASSOCIATE_AC
        except (OSError, EOFError):
            return False

    def connection(self) -> RawRequestor:
        """Connect to it."""
        return RawRequestor(("127.0.0.1", self.port), seconds=60.0)

    def cpu_seconds(self) -> float:
        """Processor time of it and of its living children until now."""
        return sum(_cpu_seconds(pid) for pid in _family(self.pid))

    def threads(self) -> int:
        """Threads and processes that it has now."""
        return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in _family(self.pid))

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        if self.process is None:
            raise ValueError(f"{type(self).__name__} does not run")
        return self.process.pid


class Node(Peer):
    """The node's SCP alone, on SQLite."""

    @override
    def arguments(self) -> list[str]:
        url = f"sqlite:///{self.folder / 'mgnode.db'}"
        upgrade(url)
        root = str(self.folder / "data")
        return [sys.executable, "-m", "tests.scp_process", root, url, str(self.port)]

    @override
    def popen_options(self) -> dict[str, Any]:
        return {"env": {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}}


class StoreScp(Peer):
    """DCMTK's storescp, one process for each association."""

    called = "STORESCP"

    @override
    def arguments(self) -> list[str]:
        return [str(program("storescp")), "--fork", "-aet", self.called, "-od", ".", str(self.port)]


class Burst(NamedTuple):
    """Seconds until all peers were accepted, and until all had their echo after that."""

    accepted: float
    echoed: float


@contextmanager
def peers(server: Peer, count: int) -> Iterator[tuple[list[RawRequestor], Burst]]:
    """Open associations all at once and send an echo on each, all at once too."""
    with ExitStack() as stack:
        began = time.monotonic()
        lines = [stack.enter_context(server.connection()) for _ in range(count)]
        for line in lines:
            line.send(associate_rq([CONTEXT], called=server.called))
        kinds = [line.read().kind for line in lines]
        accepted = time.monotonic()
        if kinds != [ASSOCIATE_AC] * count:
            raise RuntimeError(f"{type(server).__name__}: {kinds.count(ASSOCIATE_AC)} accepted")
        for line in lines:
            line.ask_echo()
        statuses = [line.read_status()[0] for line in lines]
        ended = time.monotonic()
        if statuses != [0] * count:
            raise RuntimeError(f"{type(server).__name__}: {statuses.count(0)} echoes answered")
        yield lines, Burst(accepted - began, ended - accepted)
        for line in lines:
            line.release()


def main(
    count: Annotated[int, typer.Option(min=1, help="Associations at once.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each SCP.")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="To look at idle ones.")] = 10.0,
) -> None:
    """Print the table, the goals beside it."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="mgnode-") as folder, ExitStack() as stack:
        servers: list[Peer] = []
        for kind in (Node, StoreScp):
            place = Path(folder) / kind.__name__
            place.mkdir()
            servers.append(stack.enter_context(running(kind(place))))
        bursts: list[list[Burst]] = [[] for _ in servers]
        for _ in range(rounds):
            for server, seen in zip(servers, bursts, strict=True):
                with peers(server, count) as (_, burst):
                    seen.append(burst)
        idle = {
            number: [_idle_share(server, number, seconds) for server in servers]
            for number in IDLE_COUNTS
        }
        lone = [_echo_milliseconds(server) for server in servers]
    total = [[burst.accepted + burst.echoed for burst in seen] for seen in bursts]
    rows: list[list[object]] = [
        [f"{count} associations and echoes, s (median; goal 3)", *_each(statistics.median, total)],
        ["the slowest turn, s", *_each(max, total)],
        ["of it until all were accepted, s", *(f"{max(b)[0]:.2f}" for b in bursts)],
        *_idle_rows(idle),
        ["an echo on a quiet node, ms (median of 200)", *(f"{each:.2f}" for each in lone)],
    ]
    load = os.getloadavg()[0]
    console.print(table(f"Load {load:.1f}", ["what", "mgnode", "storescp --fork"], rows))


def _each(of: Callable[[list[float]], float], totals: list[list[float]]) -> list[str]:
    return [f"{of(total):.2f}" for total in totals]


def _idle_rows(idle: dict[int, list[float]]) -> list[list[object]]:
    return [
        [f"{number} idle associations, share of a core (goal {number * 0.001:.0%})", *shares]
        for number, shares in ((n, [f"{each:.1%}" for each in found]) for n, found in idle.items())
    ]


def _idle_share(server: Peer, number: int, seconds: float) -> float:
    with peers(server, number):
        before, began = server.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        return (server.cpu_seconds() - before) / (time.monotonic() - began)


def _echo_milliseconds(server: Peer) -> float:
    with peers(server, 1) as ([line], _):
        taken = []
        for _ in range(200):
            began = time.monotonic()
            line.echo()
            taken.append(time.monotonic() - began)
    return 1000 * statistics.median(taken)


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(int(child) for child in children)]


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    typer.run(main)
