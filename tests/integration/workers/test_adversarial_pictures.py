"""Pictures that are no mammograms, as DICOM objects and as files: boxes or a reason."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import FileDataset, dcmread
from pydicom.data import get_testdata_file

from config.settings import Settings
from models.detector import Detector
from node.dicom.eligibility import LARGEST_SIDE, SMALLEST_SIDE
from node.states import InstanceState, StudyState
from node.store.paths import Layout
from tests import adversarial
from tests.factories import make_mammogram
from tests.tiny_weights import register_tiny, tiny_spec, write_tiny
from tests.worker_process import environment_of
from tests.working_node import WorkingNode, spoken
from workers.analyse import analyse_instance
from workers.detectors import Detectors

pytestmark = pytest.mark.tensorflow

GREY = adversarial.grey()
COLOUR = adversarial.colour()
DEEP = adversarial.deep()
NOT_MAMMOGRAMS = ("MR_small.dcm", "CT_small.dcm", "rtdose.dcm", "examples_rgb_color.dcm")

SHOW_ALL = {"score_threshold": 0.06, "max_boxes": 300}


def is_in_range(*sides: int) -> bool:
    return all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in sides)


def mammogram(name: str, **attributes: Any) -> FileDataset:
    return make_mammogram(patient_id=name, **attributes)


def with_grey(name: str, pixels: NDArray[np.uint8]) -> FileDataset:
    return mammogram(
        name,
        pixels=pixels.astype(np.uint16),
        BitsStored=8,
        HighBit=7,
        WindowCenter="128",
        WindowWidth="256",
    )


def with_deep(name: str, pixels: NDArray[Any], **attributes: Any) -> FileDataset:
    return mammogram(
        name,
        pixels=pixels.view(np.uint16),
        BitsStored=16,
        HighBit=15,
        PixelRepresentation=int(pixels.dtype == np.int16),
        **attributes,
    )


def with_colour(name: str, pixels: NDArray[np.uint8]) -> FileDataset:
    image = mammogram(name, pixels=pixels[..., 0].astype(np.uint16))
    image.SamplesPerPixel = 3
    image.PhotometricInterpretation = "RGB"
    image.PlanarConfiguration = 0
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit = 7
    image.PixelData = pixels.tobytes() + b"\0" * (pixels.size % 2)
    del image.WindowCenter, image.WindowWidth
    return image


WINDOWS: dict[str, dict[str, Any]] = {
    "no window": {"WindowCenter": None, "WindowWidth": None},
    "the narrowest window": {"WindowCenter": "0", "WindowWidth": "1"},
    "a window elsewhere": {"WindowCenter": "-1000000", "WindowWidth": "3"},
    "a steep slope": {"RescaleSlope": "1e30", "RescaleIntercept": "-1e30"},
    "no slope": {"RescaleSlope": "0"},
}


def images() -> Iterator[FileDataset]:
    for name, pixels in GREY.items():
        yield with_grey(name, pixels)
    for name, pixels in COLOUR.items():
        yield with_colour(name, pixels)
    for name, pixels in DEEP.items():
        for window, attributes in WINDOWS.items():
            yield with_deep(f"{name}, {window}", pixels, **attributes)


IMAGES = {str(image.PatientID): image for image in images()}


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    weights = write_tiny(tmp_path_factory.mktemp("weights") / "tiny.h5", bias=3.0)
    return Detector.load(tiny_spec(), weights)


def test_each_ends_with_boxes_inside_it_or_with_a_reason(
    node: WorkingNode, detector: Detector
) -> None:
    node = node.with_settings(detector=SHOW_ALL)
    rows = dict(zip(IMAGES, node.receive(list(IMAGES.values())), strict=True))
    node.sweep()

    for row in rows.values():
        analyse_instance(node.runtime, Detectors(node.runtime.settings, detector), row)

    ends = {name: node.instance(row) for name, row in rows.items()}
    for name, image in IMAGES.items():
        if is_in_range(image.Rows, image.Columns) and "slope" not in name:
            assert ends[name].state is InstanceState.ANALYSED, (name, ends[name].detail)
        elif "slope" not in name:
            assert (ends[name].state, ends[name].reason) == (InstanceState.REJECTED, "IMAGE_SIZE")
        # Values without a meaning may be refused, but never fail again and again.
        assert ends[name].state in (InstanceState.ANALYSED, InstanceState.REJECTED), name
        assert ends[name].state is InstanceState.ANALYSED or ends[name].reason
        boxes = node.boxes(rows[name])
        assert len(boxes) <= 300
        assert boxes or ends[name].state is InstanceState.REJECTED
        for box in boxes:
            assert 0 <= box.x0 < box.x1 <= image.Columns
            assert 0 <= box.y0 < box.y1 <= image.Rows
            assert 0.06 <= box.score <= 1
    assert node.audit_problem() is None


def test_a_study_of_them_is_reported(node: WorkingNode, detector: Detector) -> None:
    """The report and its pictures are drawn of whatever was analysed."""
    node = node.with_settings(
        detector=SHOW_ALL, profiles={"standard": {"overlay": {"images": "all"}}}
    )
    names = ("white", "as wide as allowed", "photograph", "one column")
    study = str(IMAGES["white"].StudyInstanceUID)
    given = []
    for name in names:
        image = deepcopy(IMAGES[name])
        image.StudyInstanceUID, image.PatientID = study, "white"
        given.append(image)
    rows = node.receive(given)
    node.sweep()
    for row in rows:
        analyse_instance(node.runtime, Detectors(node.runtime.settings, detector), row)
    node.clock.pass_(seconds=node.runtime.settings.study.quiet_seconds)
    node.sweep()

    node.report(node.study(study).id)

    assert node.study(study).state is StudyState.REPORTED
    assert len(node.results()) > len(names) - 1
    assert "IMAGE_SIZE" in spoken(node.report_of())


@pytest.mark.parametrize("name", NOT_MAMMOGRAMS)
def test_an_image_of_something_else_is_refused_with_the_reason(
    node: WorkingNode, detector: Detector, name: str
) -> None:
    path = get_testdata_file(name, download=False)
    (row,) = node.receive([dcmread(path)])
    node.sweep()

    analyse_instance(node.runtime, Detectors(node.runtime.settings, detector), row)

    assert node.instance(row).state is InstanceState.REJECTED
    assert node.instance(row).reason == "NOT_AN_ANALYSED_CLASS"
    assert node.boxes(row) == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of such files, and a small registered model beside."""
    folder = tmp_path_factory.mktemp("detect")
    register_tiny(Layout(folder / "storage").models)
    given = folder / "in"
    given.mkdir()
    for name, pixels in {**GREY, **COLOUR, **DEEP}.items():
        if pixels.dtype != np.int16:
            Image.fromarray(pixels).save(given / f"{name}.png")
    Image.fromarray(COLOUR["photograph"]).save(given / "photograph.jpg")
    for name in NOT_MAMMOGRAMS:
        (given / name).symlink_to(str(get_testdata_file(name, download=False)))
    for name in ("black", "one column", "unsigned 16 bit, no window"):
        IMAGES[name].save_as(given / f"{name}.dcm", enforce_file_format=True)
    (given / "empty.png").write_bytes(b"")
    (given / "cut.png").write_bytes((given / "noise.png").read_bytes()[:5000])
    return folder


@pytest.mark.parametrize("runtime", ["keras", pytest.param("openvino", marks=pytest.mark.openvino)])
def test_mgnode_detect_says_boxes_or_a_reason_for_each_file(folder: Path, runtime: str) -> None:
    settings = Settings.model_validate(
        {
            "storage": {"root": folder / "storage"},
            "detector": {"model": "tiny", "runtime": runtime, **SHOW_ALL},
        }
    )

    ended = subprocess.run(
        [sys.executable, "-m", "workers.cli", "detect", "in", "--json", "--output", runtime],
        cwd=folder,
        env=environment_of(settings, folder),
        capture_output=True,
        text=True,
        timeout=240,
    )

    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    found = {Path(item["path"]).name: item for item in json.loads(ended.stdout)["files"]}
    assert set(found) == {path.name for path in (folder / "in").iterdir()}
    refused = {name: item["refused"].split()[0] for name, item in found.items() if item["refused"]}
    assert refused == {
        **dict.fromkeys(NOT_MAMMOGRAMS, "NOT_AN_ANALYSED_CLASS"),
        "one column.dcm": "IMAGE_SIZE",
        "empty.png": "UNREADABLE_PICTURE",
        "cut.png": "UNREADABLE_PICTURE",
    }
    for name, item in found.items():
        assert len(item["findings"]) <= 300
        for box in item["findings"]:
            assert 0 <= box["x0"] < box["x1"] <= item["columns"]
            assert 0 <= box["y0"] < box["y1"] <= item["rows"]
        assert bool(item["refused"]) or (folder / runtime / f"{name}.boxes.png").is_file()
