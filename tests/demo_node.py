"""The demo around a node in this process: real SCP, rows, dispatch, results and SCU.

Only the broker and the network are left out: messages go straight to the functions that
the Celery tasks call, and a stand-in for the detector finds the same boxes every time.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from config.detecting import DetectorSettings
from config.profiles import STANDARD, Profile
from config.settings import Settings
from models.detector import Detector
from models.spec import SPECS
from node.db.session import Database
from node.db.upgrade import upgrade
from node.demo.run import run_demo
from node.dispatch.loop import Dispatcher
from node.errors import StopError
from node.messages import ANALYSE_TASK, DELIVER_TASK, REPORT_TASK
from node.scp.server import StorageScp
from workers.analyse import analyse_instance
from workers.deliver import deliver_results
from workers.detectors import Detectors
from workers.report import report_study
from workers.runtime import Runtime, open_runtime

NOW = datetime(2024, 2, 29, 8, 5, 9)  # noqa: DTZ001 - DICOM dates are local
REFERENCE = DetectorSettings(model="reference", weights=Path("reference.h5"))


class StandInDetector:
    """Finds one box in the upper half of every image, and one that leaves it on the right."""

    weights_sha256 = "0" * 64
    version = "stand-in"
    spec = SPECS["reference"]
    device = "cpu:0"

    def __init__(self) -> None:
        self.computed: dict[str, str] = {}

    def detect_many(
        self, images: Sequence[NDArray[np.uint8]], *, score_threshold: float, max_boxes: int
    ) -> list[Any]:
        assert max_boxes >= 2
        assert score_threshold < 0.43
        return [self._look(*grey.shape) for grey in images]

    @staticmethod
    def _look(rows: int, columns: int) -> Any:
        first = SimpleNamespace(
            x0=0.3 * columns, y0=0.2 * rows, x1=0.6 * columns, y1=0.45 * rows, score=0.61
        )
        second = SimpleNamespace(
            x0=0.8 * columns, y0=0.7 * rows, x1=1.2 * columns, y1=0.8 * rows, score=0.43
        )
        return SimpleNamespace(boxes=(second, first), network_seconds=0.0)


class DirectPublisher:
    """Takes the broker's place: each message is worked on at once."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def publish(self, task: str, **arguments: Any) -> None:
        steps = {
            ANALYSE_TASK: partial(
                analyse_instance,
                self._runtime,
                Detectors(self._runtime.settings, cast(Detector, StandInDetector())),
            ),
            REPORT_TASK: partial(report_study, self._runtime),
            DELIVER_TASK: partial(deliver_results, self._runtime),
        }
        steps[task](**arguments)

    def backlog(self, _: str) -> int:
        return 0


@dataclass
class Node:
    """A running node; ``problem`` is what ``check`` raises."""

    database: Database
    dispatching: threading.Thread
    problem: str = ""

    def check(self) -> None:
        assert self.dispatching.is_alive(), "a step failed; pytest shows its thread"
        if self.problem:
            raise StopError(self.problem)


@contextmanager
def node_in_this_process(settings: Settings) -> Iterator[Node]:
    settings.storage.root.mkdir(parents=True)
    upgrade(settings.database_url)
    runtime = open_runtime(settings, role="test")
    scp = StorageScp(settings, runtime.database)
    scp.start()
    stop = threading.Event()
    dispatcher = Dispatcher(settings, runtime.database, DirectPublisher(runtime))
    thread = threading.Thread(target=dispatcher.run, args=(stop,))
    thread.start()
    try:
        yield Node(runtime.database, thread)
    finally:
        stop.set()
        thread.join()
        scp.stop()
        runtime.decoder.close()
        runtime.database.dispose()


@contextmanager
def node_that_ends(settings: Settings) -> Iterator[Node]:
    with node_in_this_process(settings) as node:
        yield Node(node.database, node.dispatching, problem="the analysis worker ended")


@contextmanager
def node_without_overlays(settings: Settings) -> Iterator[Node]:
    profiles = {STANDARD: Profile(objects=("cad_sr", "measurement_report"))}
    with node_in_this_process(settings.model_copy(update={"profiles": profiles})) as node:
        yield node


@contextmanager
def node_without_room(settings: Settings) -> Iterator[Node]:
    storage = settings.storage.model_copy(update={"free_space_gib": 1e9})
    with node_in_this_process(settings.model_copy(update={"storage": storage})) as node:
        yield node


def demo(folder: Path, **changes: Any) -> tuple[int, str]:
    """Run the demo; give its exit status and what it wrote on the screen."""
    screen = io.StringIO()
    console = Console(file=screen, width=80, markup=False, highlight=False)
    arguments = {
        "start_node": node_in_this_process,
        "detector": REFERENCE,
        "console": console,
        "now": NOW,
        **changes,
    }
    status = run_demo(folder, **arguments)
    return status, screen.getvalue()
