"""`mgnode demo` as a person runs it: one command in an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydicom import dcmread

from node.demo.sighting import FOUND
from tests.requirements import program
from tests.servers import short_folder

pytestmark = [pytest.mark.tensorflow, pytest.mark.films]

ALLOWED_MINUTES = 4
"""Generous: the suite may share its cores. The demo's own aim is one minute on two cores."""

# dcentvfy's listed false positive: AccessionNumber inside ReferencedRequestSequence.
FALSE_POSITIVE = "Element=<AccessionNumber>"


class Demo:
    """What one run left behind."""

    def __init__(self, folder: Path, ended: subprocess.CompletedProcess[str]) -> None:
        self.folder = folder / "mgnode-demo"
        self.ended = ended

    @property
    def summary(self) -> dict[str, Any]:
        text = (self.folder / "summary.json").read_text(encoding="utf-8")
        summary: dict[str, Any] = json.loads(text)
        return summary

    @property
    def received(self) -> list[Path]:
        return sorted((self.folder / "received").iterdir())

    @property
    def sent(self) -> list[Path]:
        return sorted((self.folder / "sent").iterdir())


@contextmanager
def ended_demo(*options: str) -> Iterator[Demo]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("MGNODE_")
    }
    with short_folder() as folder:
        ended = subprocess.run(
            [sys.executable, "-m", "workers.cli", "demo", *options],
            cwd=folder,
            env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            timeout=60 * ALLOWED_MINUTES,
            check=False,
        )
        yield Demo(folder, ended)


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with ended_demo() as ended:
        yield ended


def test_it_ends_well_with_four_images_in_and_their_results_back(demo: Demo) -> None:
    assert demo.ended.returncode == 0, demo.ended.stdout[-3000:] + demo.ended.stderr[-3000:]
    assert "4 images in, 1 report, 1 CAD SR and 4 overlays back" in demo.ended.stdout
    assert len(demo.received) == 6


def test_every_check_passed(demo: Demo) -> None:
    assert [check for check in demo.summary["checks"] if not check["passed"]] == []


def test_it_says_that_the_model_has_no_clinical_value(demo: Demo) -> None:
    words = "Demonstration model: trained on synthetic images, no clinical value."

    assert words in demo.ended.stdout
    assert demo.summary["weights"] == words


def test_the_demonstration_model_finds_the_inserted_lesion(demo: Demo) -> None:
    inserted = demo.summary["inserted_lesion"]

    assert inserted["found"] is True
    assert inserted["best_iou"] >= 0.3
    assert FOUND in [check["name"] for check in demo.summary["checks"]]
    assert f"A synthetic lesion was inserted into {inserted['view']}." in demo.ended.stdout


def test_the_one_altered_film_is_the_one_that_is_named(demo: Demo) -> None:
    images = {path.stem: dcmread(path, stop_before_pixels=True) for path in demo.sent}
    altered = [
        name
        for name, image in images.items()
        if "synthetic lesion" in str(image.get("DerivationDescription", ""))
    ]

    assert altered == [demo.summary["inserted_lesion"]["view"]]


def test_the_sheet_has_the_colour_of_the_lesion(demo: Demo) -> None:
    with Image.open(demo.folder / "pictures" / "study.png") as sheet:
        assert (255, 96, 214) in {colour for _, colour in sheet.getcolors(1 << 24)}


def test_every_result_names_the_demonstration_model(demo: Demo) -> None:
    for path in demo.received:
        assert b"Demonstration model, trained on synthetic images" in path.read_bytes(), path.name


def test_random_numbers_draw_boxes_only_when_asked_and_insert_nothing() -> None:
    with ended_demo("--reference") as demo:
        assert demo.ended.returncode == 0, demo.ended.stdout[-3000:] + demo.ended.stderr[-3000:]
        assert "these boxes mean nothing: the network runs on random numbers" in demo.ended.stdout
        assert demo.summary["inserted_lesion"] is None
        assert FOUND not in [check["name"] for check in demo.summary["checks"]]


def test_no_process_is_left_behind(demo: Demo) -> None:
    """Every process of the node has the demo's folder in its environment."""
    mark = str(demo.folder).encode()
    left = [
        process.name
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and mark in _environment(process)
    ]

    assert left == []


def test_the_nodes_log_has_no_error_and_no_patient(demo: Demo) -> None:
    log = (demo.folder / "node" / "node.log").read_text(encoding="utf-8")

    assert "Traceback" not in log
    assert "Yamada" not in log
    assert "MGNODE-DEMO" not in log


@pytest.mark.dicom3tools
def test_dciodvfy_finds_no_error_in_any_result(demo: Demo) -> None:
    for path in demo.received:
        verdict = subprocess.run(
            [str(program("dciodvfy")), str(path)], capture_output=True, text=True, check=False
        )
        assert (verdict.returncode, verdict.stderr.count("Error")) == (0, 0), verdict.stderr


@pytest.mark.dicom3tools
def test_dcentvfy_finds_one_patient_and_study_in_images_and_results(demo: Demo) -> None:
    verdict = subprocess.run(
        [str(program("dcentvfy")), *map(str, [*demo.sent, *demo.received])],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (verdict.stdout + verdict.stderr).splitlines()

    assert verdict.returncode == 0
    assert [line for line in lines if FALSE_POSITIVE not in line] == []


def _environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
