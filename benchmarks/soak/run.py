"""One run: a node, its destinations, the load, the faults, the samples, the reckoning."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.soak.accounts import Reckoning, reckon, unfinished
from benchmarks.soak.destinations import Archive, MoodyPacs, SteadyPacs, StoreScp
from benchmarks.soak.faults import Fault
from benchmarks.soak.images import ImageStock
from benchmarks.soak.ledger import Ledger
from benchmarks.soak.load import Load
from benchmarks.soak.sampling import Sampler, Series
from benchmarks.soak.storm import Storm
from config.detecting import DetectorSettings
from config.sending import Destination
from node.store.paths import Layout
from tests.running_node import RunningNode, running_node
from tests.servers import PostgresqlServer, RedisServer, running, short_folder
from tests.tiny_weights import register_tiny

NETWORK: Final = (
    "a residual network of 14 layers with 2 channels and random weights at 96 x 96 pixels, "
    "registered as any other and computed by OpenVINO"
)

ROUTES: Final = {
    "MAMMO1": ["storescp"],
    **{modality: ["steady"] for modality in ("MAMMO2", "MAMMO3", "MAMMO4")},
    **{modality: ["moody"] for modality in ("MAMMO5", "MAMMO6", "MAMMO7")},
    "MAMMO8": ["steady", "moody"],
}
REPORTS: Final = {"steady": "reports", "moody": "reports", "storescp": "standard"}
"""Destination -> profile: one of them gets overlays too."""


@dataclass(frozen=True)
class Soak:
    """What to do: how many images, at which rate, under which faults, on which servers."""

    images: int
    rate: float
    seed: int
    plan: tuple[Fault, ...]
    servers: bool = False
    sample_seconds: float = 5.0
    drain_seconds: float = 3600.0
    longest_pause_seconds: float | None = None
    intrude_every: float = 3.0
    quiet_seconds: float = 10.0
    lease_seconds: float = 15.0
    max_attempts: int = 5


@dataclass(frozen=True)
class Outcome:
    """What came of it; ``struck`` are the faults that really struck."""

    soak: Soak
    reckoning: Reckoning
    series: list[Series]
    struck: list[Fault]
    seconds: dict[str, float]
    log_file: bytes


def run(soak: Soak, *, say: Callable[[str], None] = lambda _: None) -> Outcome:
    """Run it all; what went wrong stands in the outcome's reckoning."""
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        storescp = stack.enter_context(running(StoreScp(_made(folder / "storescp"))))
        steady = stack.enter_context(SteadyPacs(folder / "steady"))
        moody = stack.enter_context(MoodyPacs())
        archives: dict[str, Archive] = {"storescp": storescp, "steady": steady, "moody": moody}
        broker = stack.enter_context(_redis()) if soak.servers else None
        groups = stack.enter_context(_servers(broker))
        destinations = {
            name: archive.destination.model_copy(update={"profile": REPORTS[name]})
            for name, archive in archives.items()
        }
        node = stack.enter_context(_node(folder / "node", destinations, groups, soak))
        node.wait_for("analysis")
        ledger = Ledger()
        stock = ImageStock(folder, key=f"soak {soak.seed}")
        load = Load(
            node.address, stock, ledger, soak.images, soak.rate, soak.seed, soak.intrude_every
        )
        storm = Storm(node, list(soak.plan), stock, ledger, storescp, moody, broker)
        sampler = Sampler()
        seconds = _rage(soak, node, load, storm, sampler, say)
        reckoning = reckon(node.settings, node.embedded.database, ledger, archives)
        if storm.failure is not None:
            reckoning.problems.append(f"the storm broke off: {storm.failure!r}")
        reckoning.blame("results came to moody with other bytes", moody.digests_that_changed)
        left = unfinished(node.embedded.database)
        if left:
            reckoning.problems.append(f"not done after {soak.drain_seconds:.0f} s: {left}")
        log = node.embedded.log_file.read_bytes()
    return Outcome(soak, reckoning, sampler.series, storm.struck, seconds, log)


def _rage(
    soak: Soak,
    node: RunningNode,
    load: Load,
    storm: Storm,
    sampler: Sampler,
    say: Callable[[str], None],
) -> dict[str, float]:
    """Let load and storm run their course, then wait until the node has done its work."""
    began = time.monotonic()
    load.start()
    storm.start()
    try:
        told = began
        while load.is_sending or not storm.is_over:
            sampler.look(node.embedded.pids)
            if time.monotonic() - told > 30:
                told = time.monotonic()
                say(_progress(told - began, node, load, storm))
            time.sleep(soak.sample_seconds)
            node.embedded.check()
    finally:
        storm.finish()
        load.finish()
    sent = time.monotonic()
    say(_progress(sent - began, node, load, storm))
    while unfinished(node.embedded.database) and time.monotonic() - sent < soak.drain_seconds:
        sampler.look(node.embedded.pids)
        time.sleep(min(soak.sample_seconds, 1.0))
        node.embedded.check()
    return {"sending": sent - began, "until all was done": time.monotonic() - began}


def _progress(seconds: float, node: RunningNode, load: Load, storm: Storm) -> str:
    return (
        f"{seconds:6.0f} s  {load.ledger.acknowledged} answered success, "
        f"waiting {unfinished(node.embedded.database)}, {len(storm.struck)} faults"
    )


@contextmanager
def _node(
    root: Path, destinations: dict[str, Destination], groups: dict[str, Any], soak: Soak
) -> Iterator[RunningNode]:
    """Start a node whose leases and pauses are short enough for half an hour."""
    register_tiny(Layout(root).models)
    with running_node(
        root,
        destinations=destinations,
        longest_pause_seconds=soak.longest_pause_seconds,
        profiles={"reports": {"objects": ["cad_sr", "measurement_report"]}},
        routes=ROUTES,
        detector=DetectorSettings(
            model="tiny", runtime="openvino", score_threshold=0.2, max_boxes=2
        ),
        study={"quiet_seconds": soak.quiet_seconds},
        analysis={"lease_seconds": soak.lease_seconds, "max_attempts": soak.max_attempts},
        delivery={
            "lease_seconds": soak.lease_seconds,
            "retry_first_seconds": 2.0,
            "retry_max_seconds": 20.0,
        },
        dispatch={"poll_seconds": 0.5, "republish_seconds": 5.0},
        **groups,
    ) as node:
        yield node


@contextmanager
def _servers(broker: RedisServer | None) -> Iterator[dict[str, Any]]:
    if broker is None:
        yield {}
        return
    # A folder of its own: another account runs it, which may not read ours.
    with short_folder() as folder, running(PostgresqlServer(folder)) as database:
        yield {
            "database": {"url": database.create("soak")},
            "broker": {"url": broker.url},
        }


@contextmanager
def _redis() -> Iterator[RedisServer]:
    with short_folder() as folder, running(RedisServer(folder)) as broker:
        yield broker


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
