"""The demo around a node in this process: real SCP, rows, dispatch, results and SCU.

Only the broker and the network are left out: messages go straight to the functions that
the Celery tasks call, and a stand-in for the detector finds the same boxes every time.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from config.settings import DetectorSettings, Settings
from node.db.session import Database
from node.db.upgrade import upgrade
from node.demo.insertion import Insertion
from node.demo.run import run_demo
from node.demo.sighting import FOUND
from node.dicom.geometry import Box
from node.dispatch.loop import Dispatcher
from node.errors import StopError, TransientFailure
from node.messages import ANALYSE_TASK, DELIVER_TASK, REPORT_TASK
from node.scp.server import StorageScp
from workers.analyse import analyse_instance
from workers.deliver import deliver_results
from workers.report import report_study
from workers.runtime import Runtime, open_runtime

pytestmark = pytest.mark.films

NOW = datetime(2024, 2, 29, 8, 5, 9)  # noqa: DTZ001 - DICOM dates are local
REFERENCE = DetectorSettings(model="reference", weights=Path("reference.h5"))


class StandInDetector:
    """Finds one box in the upper half of every image, and one that leaves it on the right."""

    weights_sha256 = "0" * 64
    version = "stand-in"
    spec = SimpleNamespace(name="reference")

    def detect(self, grey: Any, *, score_threshold: float, max_boxes: int) -> Any:
        rows, columns = grey.shape
        first = SimpleNamespace(
            x0=0.3 * columns, y0=0.2 * rows, x1=0.6 * columns, y1=0.45 * rows, score=0.61
        )
        second = SimpleNamespace(
            x0=0.8 * columns, y0=0.7 * rows, x1=1.2 * columns, y1=0.8 * rows, score=0.43
        )
        assert max_boxes >= 2
        assert score_threshold < second.score
        return SimpleNamespace(boxes=(second, first), network_seconds=0.0)


class DirectPublisher:
    """Takes the broker's place: each message is worked on at once."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def publish(self, task: str, **arguments: Any) -> None:
        steps = {
            ANALYSE_TASK: partial(analyse_instance, self._runtime, StandInDetector()),
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
        runtime.database.dispose()


@contextmanager
def node_that_ends(settings: Settings) -> Iterator[Node]:
    with node_in_this_process(settings) as node:
        yield Node(node.database, node.dispatching, problem="the analysis worker ended")


@contextmanager
def node_without_overlays(settings: Settings) -> Iterator[Node]:
    results = settings.results.model_copy(update={"overlays": "none"})
    with node_in_this_process(settings.model_copy(update={"results": results})) as node:
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


def insertion(view: str, x0: float, y0: float, x1: float, y1: float) -> Insertion:
    """Brighten a box, given in shares of the view's columns and rows."""

    def brighten(grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Box]:
        rows, columns = grey.shape
        box = Box(x0 * columns, y0 * rows, x1 * columns, y1 * rows)
        inside = (slice(round(box.y0), round(box.y1)), slice(round(box.x0), round(box.x1)))
        bright = grey.copy()
        bright[inside] = np.maximum(grey[inside], 200)
        return bright, box

    return Insertion(view, brighten)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    folder = tmp_path_factory.mktemp("demo") / "mgnode-demo"
    return folder, *demo(folder)


def test_four_images_go_in_and_one_report_and_four_overlays_come_back(
    finished: tuple[Path, int, str],
) -> None:
    folder, status, _ = finished
    summary = json.loads((folder / "summary.json").read_text())

    assert [check for check in summary["checks"] if not check["passed"]] == []
    assert status == 0
    assert summary["passed"] is True
    assert (
        summary["images_sent"],
        summary["reports_received"],
        summary["overlays_received"],
    ) == (4, 1, 4)


def test_the_screen_shows_study_results_audit_and_checks(
    finished: tuple[Path, int, str],
) -> None:
    _, _, screen = finished

    for expected in (
        "these boxes mean nothing: the network runs on random numbers",
        "61.0 %",
        "ANALYSED",
        "measurement_report",
        "DELIVERED",
        "instance_received",
        "study_reported",
        "every box lies inside its image",
        "4 images in, 1 report and 4 overlays back in",
        "CC BY 3.0",
    ):
        assert expected in screen
    assert "FAILED" not in screen


def test_the_screen_shows_no_patient(finished: tuple[Path, int, str]) -> None:
    _, _, screen = finished

    assert "Yamada" not in screen
    assert "MGNODE-DEMO" not in screen


def test_every_view_every_overlay_and_the_sheet_are_pictures(
    finished: tuple[Path, int, str],
) -> None:
    pictures = finished[0] / "pictures"
    names = ("RCC", "LCC", "RMLO", "LMLO")

    assert {path.name for path in pictures.iterdir()} == {
        "study.png",
        *(f"{name}.png" for name in names),
        *(f"{name}-overlay.png" for name in names),
    }
    for name in names:
        with Image.open(pictures / f"{name}.png") as view:
            assert (view.mode, max(view.size)) == ("L", 1600)
        with Image.open(pictures / f"{name}-overlay.png") as overlay:
            assert (overlay.mode, max(overlay.size)) == ("RGB", 2048)


def test_the_sheet_hangs_right_breasts_on_the_left_with_their_boxes(
    finished: tuple[Path, int, str],
) -> None:
    """In each quarter the box's green frame lies where the stand-in put it."""
    with Image.open(finished[0] / "pictures" / "study.png") as sheet:
        pixels = sheet.load()
        width = sheet.width
    green = [(x, y) for x in range(width) for y in range(1280) if pixels[x, y] == (96, 255, 128)]
    # A strip of 28 pixels with the names is above each row of views, 640 pixels high; the
    # boxes reach from 0.2 to 0.8 of that.
    for left, top in ((True, 0), (False, 0), (True, 668), (False, 668)):
        quarter = [
            y - top - 28 for x, y in green if (x < width // 2) == left and top <= y < top + 668
        ]
        assert min(quarter) < 0.2 * 640
        assert max(quarter) == pytest.approx(0.8 * 640, abs=3)


def test_a_box_that_left_its_image_came_back_cut_to_it(finished: tuple[Path, int, str]) -> None:
    folder, _, _ = finished
    summary = json.loads((folder / "summary.json").read_text())
    (boxes,) = [c for c in summary["checks"] if c["name"] == "every box lies inside its image"]

    assert boxes["detail"] == "8 boxes"


def test_films_that_were_sent_as_they_are_have_no_lesion_to_find(
    finished: tuple[Path, int, str],
) -> None:
    folder, _, screen = finished
    summary = json.loads((folder / "summary.json").read_text())

    assert summary["inserted_lesion"] is None
    assert FOUND not in [check["name"] for check in summary["checks"]]
    assert "synthetic lesion" not in screen
    assert "false boxes" not in screen


def test_an_inserted_lesion_is_found_where_a_box_lies_on_it(tmp_path: Path) -> None:
    folder = tmp_path / "mgnode-demo"

    status, screen = demo(folder, insertion=insertion("LMLO", 0.3, 0.2, 0.6, 0.4))

    summary = json.loads((folder / "summary.json").read_text())
    inserted = summary["inserted_lesion"]
    # The stand-in's box is a quarter higher; the films' LMLO is 4680 x 2576 pixels.
    assert inserted == {
        "view": "LMLO",
        "box": pytest.approx([0.3 * 2576, 0.2 * 4680, 0.6 * 2576, 0.4 * 4680]),
        "found": True,
        "best_iou": 0.8,
        "score_percent": 61.0,
        "false_boxes": 7,
    }
    assert status == 0
    assert summary["checks"][-1] == {
        "name": FOUND,
        "passed": True,
        "detail": "IoU 0.80, score 61.0 %",
    }
    assert "A synthetic lesion was inserted into LMLO." in screen
    assert "false boxes" in screen
    assert "The synthetic lesion in LMLO was found." in screen


def test_a_lesion_that_no_box_lies_on_fails_the_demo(tmp_path: Path) -> None:
    folder = tmp_path / "mgnode-demo"

    status, screen = demo(folder, insertion=insertion("RCC", 0.1, 0.6, 0.2, 0.7))

    summary = json.loads((folder / "summary.json").read_text())
    assert status == 1
    assert [check for check in summary["checks"] if not check["passed"]] == [
        {"name": FOUND, "passed": False, "detail": "no box of RCC touches it"}
    ]
    assert summary["inserted_lesion"]["false_boxes"] == 8
    assert "The synthetic lesion in RCC was NOT found." in screen
    assert "1 of 15 checks FAILED." in screen


def test_a_second_run_is_a_new_study_in_the_same_folder(tmp_path: Path) -> None:
    folder = tmp_path / "mgnode-demo"
    statuses = [demo(folder)[0] for _ in range(2)]

    assert statuses == [0, 0]
    assert len(list((folder / "sent").iterdir())) == 4


def test_a_missing_result_fails_the_demo_and_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "mgnode-demo"

    status, screen = demo(folder, start_node=node_without_overlays)

    summary = json.loads((folder / "summary.json").read_text())
    assert status == 1
    assert [check["name"] for check in summary["checks"] if not check["passed"]] == [
        "one report and an overlay of every image came back",
        "every image with a box has an overlay",
    ]
    assert "2 of 14 checks FAILED." in screen


def test_a_node_that_ends_by_itself_stops_the_demo(tmp_path: Path) -> None:
    with pytest.raises(StopError, match="the analysis worker ended"):
        demo(tmp_path / "mgnode-demo", start_node=node_that_ends)


def test_a_node_that_takes_no_image_stops_the_demo_with_its_answer(tmp_path: Path) -> None:
    """There is nothing to wait for then."""
    with pytest.raises(StopError, match=r"took none of 4 images: .*0xA700"):
        demo(tmp_path / "mgnode-demo", start_node=node_without_room)


def test_results_that_do_not_come_end_the_demo_at_its_limit(tmp_path: Path) -> None:
    with pytest.raises(TransientFailure, match="of 4 images"):
        demo(tmp_path / "mgnode-demo", timeout_seconds=0.0)
