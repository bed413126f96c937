"""`mgnode detect` as a person runs it: DICOM, PNG and JPEG in; boxes and pictures out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from config.settings import Settings
from node.store.paths import Layout
from tests.factories import COLUMNS, ROWS, make_mammogram, phantom, save_to_folder
from tests.weights_files import reference_weights_file
from tests.worker_process import environment_of

pytestmark = pytest.mark.tensorflow


class Run:
    """One run on a DICOM file, a PNG, a JPEG, files of one name, and one that is refused."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        settings = Settings.model_validate({"storage": {"root": folder / "storage"}})
        layout = Layout(folder / "storage")
        layout.create()
        # What --reference would make, made already.
        (layout.models / "reference.h5").symlink_to(reference_weights_file())
        self.ended = subprocess.run(
            [sys.executable, "-m", "workers.cli", "detect", "--reference", "in", *options],
            cwd=folder,
            env=environment_of(settings, folder),
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("detect")
    given = folder / "in"
    (path,) = save_to_folder([make_mammogram(patient_name="Qzxv^Anna")], given)
    path.rename(given / "1.2.3")
    save_to_folder([make_mammogram(BodyPartExamined="PHANTOM", sop_instance_uid="1.2.4")], given)
    picture = Image.fromarray((phantom(laterality="R") >> 4).astype(np.uint8))
    for name in ("a/film.png", "b/film.png", "b/film.jpg"):
        (given / name).parent.mkdir(exist_ok=True)
        picture.save(given / name)
    return folder


@pytest.fixture(scope="module")
def as_json(sent: Path) -> Run:
    return Run(sent, "--output", "out", "--json")


def files(run: Run) -> dict[str, Any]:
    found = {item["path"]: item for item in json.loads(run.ended.stdout)["files"]}
    return {str(Path(path).relative_to("in")): item for path, item in found.items()}


def test_a_refused_file_is_named_with_its_reason_and_the_status_is_1(as_json: Run) -> None:
    assert as_json.ended.returncode == 1, as_json.ended.stderr
    refused = {name: item["refused"] for name, item in files(as_json).items() if item["refused"]}
    assert refused == {"1.2.4.dcm": "QUALITY_CONTROL Body Part Examined"}


def test_each_image_has_its_size_and_boxes_within_it(as_json: Run) -> None:
    told = {name: item for name, item in files(as_json).items() if not item["refused"]}

    assert set(told) == {"1.2.3", "a/film.png", "b/film.png", "b/film.jpg"}
    for item in told.values():
        assert (item["rows"], item["columns"]) == (ROWS, COLUMNS)
        for box in item["findings"]:
            assert 0 <= box["x0"] < box["x1"] <= COLUMNS
            assert 0 <= box["y0"] < box["y1"] <= ROWS
    assert told["a/film.png"]["findings"] == told["b/film.png"]["findings"]


def test_each_image_has_a_picture_of_its_own(as_json: Run) -> None:
    pictures = sorted(path.name for path in (as_json.folder / "out").iterdir())

    assert pictures == [
        "1.2.3.boxes.png",
        "film.jpg.boxes.png",
        "film.png.2.boxes.png",
        "film.png.boxes.png",
    ]
    with Image.open(as_json.folder / "out" / "film.png.2.boxes.png") as picture:
        assert picture.size == (COLUMNS, ROWS)


def test_the_table_says_that_random_weights_mean_nothing(sent: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "film.png").write_bytes((sent / "in" / "a" / "film.png").read_bytes())

    run = Run(tmp_path)

    assert run.ended.returncode == 0, run.ended.stderr
    assert "film.png" in run.ended.stdout
    assert f"{COLUMNS} x {ROWS}" in run.ended.stdout
    assert "Not for diagnosis." in run.ended.stdout
    assert "these boxes mean nothing" in run.ended.stdout
    assert "Traceback" not in run.ended.stderr
