"""DCMTK checks presentation states, and shows through them the greys of the image itself."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, FileDataset, dcmread

from node.dicom.part10 import to_bytes
from node.dicom.pixels import to_grey
from node.dicom.presentation_state import build_presentation_state
from tests.contract.written import StudyFiles
from tests.factories import make_mammogram
from tests.presentation_forms import PRESENTED, with_modality_lut
from tests.requirements import program
from tests.results import LESION, make_study

GREY_LEVELS = 1
"""Largest difference of two correct renderings that round differently."""

# No tool of ours complains of them but dciodvfy of the Modality LUT, which knows 8 and 16 bits.
RENDERED = {**PRESENTED, "Modality LUT of 12 bits": lambda: with_modality_lut(12)}
each = pytest.mark.parametrize("make", PRESENTED.values(), ids=PRESENTED.keys())


def write_state(image: FileDataset, folder: Path) -> tuple[Path, Path]:
    """Write an image and its presentation state."""
    source, state = folder / "image.dcm", folder / "state.dcm"
    image.save_as(source, enforce_file_format=True)
    study = make_study([image], findings={0: (LESION,)})
    state.write_bytes(to_bytes(build_presentation_state(study, study.images[0])))
    return source, state


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(program(name)), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def shown(source: Path, state: Path) -> NDArray[np.int64]:
    """Render an image through a presentation state, without the graphics."""
    picture = source.with_suffix(".pgm")
    done = run("dcmp2pgm", "-p", state, source, picture)
    assert done.returncode == 0, done.stderr
    with Image.open(picture) as opened:
        return np.asarray(opened, np.int64)


@pytest.mark.dcmtk
@pytest.mark.parametrize("make", RENDERED.values(), ids=RENDERED.keys())
def test_an_image_is_shown_as_the_detector_saw_it(
    make: Callable[[], FileDataset], tmp_path: Path
) -> None:
    grey = shown(*write_state(make(), tmp_path))

    assert len(np.unique(grey)) > 100, "a flat picture compares nothing"
    assert np.abs(grey - to_grey(make())).max() <= GREY_LEVELS


@pytest.mark.dcmtk
def test_monochrome1_without_its_inversion_would_be_seen(tmp_path: Path) -> None:
    source, path = write_state(make_mammogram(photometric="MONOCHROME1"), tmp_path)
    right = shown(source, path)
    state = dcmread(path)
    state.PresentationLUTShape = "IDENTITY"
    path.write_bytes(to_bytes(state))

    wrong = shown(source, path)

    assert abs(right.mean() + wrong.mean() - 255) < GREY_LEVELS
    assert wrong.mean() > 1.5 * right.mean()


@pytest.mark.dcmtk
@each
def test_dcmpschk_passes_a_presentation_state(
    make: Callable[[], FileDataset], tmp_path: Path
) -> None:
    _, state = write_state(make(), tmp_path)

    assert "Test passed." in run("dcmpschk", state).stderr


@pytest.mark.dcmtk
def test_dcmpschk_passes_every_state_of_every_study(files: StudyFiles) -> None:
    for made in files.of_kind("presentation_state"):
        said = run("dcmpschk", made.path).stderr
        if dcmread(made.path).get("SpecificCharacterSet") == "ISO_IR 192":
            # It knows no UTF-8 and rejects the name, that of DCMTK's own states too.
            assert said.count("E: Error:") == said.count("does not conform") == 1, said
            assert "(0010,0010)" in said or "PatientName" in said, said
        else:
            assert "Test passed." in said


@pytest.mark.dcmtk
@pytest.mark.parametrize("lost", ["DisplayedAreaSelectionSequence", "ReferencedSeriesSequence"])
def test_dcmpschk_finds_what_a_bad_one_lacks(lost: str, tmp_path: Path) -> None:
    _, path = write_state(make_mammogram(), tmp_path)
    state = dcmread(path)
    delattr(state, lost)
    path.write_bytes(to_bytes(state))

    assert "Test passed." not in run("dcmpschk", path).stderr


@pytest.mark.dicom3tools
@each
def test_dciodvfy_has_nothing_to_say_of_a_presentation_state(
    make: Callable[[], FileDataset], tmp_path: Path
) -> None:
    _, state = write_state(make(), tmp_path)

    done = run("dciodvfy", "-new", state)

    assert (done.stdout + done.stderr).split() == ["GrayscaleSoftcopyPresentationState"]
    assert done.returncode == 0


@pytest.mark.dicom3tools
@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda state: delattr(state, "Laterality"), "Laterality"),
        (lambda state: delattr(state, "PresentationLUTShape"), "PresentationLUTShape"),
    ],
)
def test_dciodvfy_finds_what_a_bad_one_lacks(
    spoil: Callable[[Dataset], None], expected: str, tmp_path: Path
) -> None:
    _, path = write_state(make_mammogram(), tmp_path)
    state = dcmread(path)
    spoil(state)
    path.write_bytes(to_bytes(state))

    done = run("dciodvfy", "-new", path)

    assert expected in done.stdout + done.stderr
    assert done.returncode == 1
