"""Overlays and summary pages are sound in each modality and in each transfer syntax."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydicom import dcmread

from config.profiles import Profile
from node.dicom.overlay import build_overlay
from node.dicom.part10 import to_bytes
from node.dicom.pixels import to_grey
from node.dicom.summary_overlay import build_summary_overlay
from node.scu.compression import compress
from tests.contract.forms import FORMS
from tests.contract.test_dicom3tools import NEWER
from tests.requirements import program
from tests.results import make_study

pytestmark = pytest.mark.dicom3tools

SYNTAXES = {"RLE": "1.2.840.10008.1.2.5", "JPEG-LS": "1.2.840.10008.1.2.4.80"}
STUDIES = ["findings", "none_analysed", "partly_analysed"]


@pytest.fixture(params=["of Debian", NEWER])
def dciodvfy(request: pytest.FixtureRequest) -> str:
    """Both builds: they differ in what they know of the standard."""
    if request.param == "newer":
        return str(Path(sys.executable).with_name("dciodvfy"))
    return str(program("dciodvfy"))


def pictures(name: str, modality: str) -> dict[str, bytes]:
    """Build the summary of a study and the overlay of its first analysed image."""
    images, parts = FORMS[name]()
    options = {"modality": modality}
    profile = Profile.model_validate(
        {"overlay": options, "summary_overlay": {**options, "long_side": 700}}
    )
    study = make_study(images, **{**parts, "profile": profile})
    by_uid = {image.SOPInstanceUID: image for image in images}
    made = {
        "summary": build_summary_overlay(
            study, lambda image: to_grey(by_uid[image.sop_instance_uid])
        )
    }
    for image in study.analysed[:1]:
        grey = to_grey(by_uid[image.sop_instance_uid])
        made["overlay"] = build_overlay(study, image, grey)
    return {kind: to_bytes(dataset) for kind, dataset in made.items()}


def said_of(tool: str, path: Path) -> tuple[int, list[str]]:
    done = subprocess.run([tool, "-new", path], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert "SCImage" in lines
    return done.returncode, [line for line in lines if line.startswith(("Error", "Warning"))]


@pytest.mark.parametrize("modality", ["OT", "MG"])
@pytest.mark.parametrize("name", STUDIES)
def test_dciodvfy_has_nothing_to_say_of_pictures_as_they_are_sent(
    name: str, modality: str, dciodvfy: str, tmp_path: Path
) -> None:
    for kind, content in pictures(name, modality).items():
        stored = tmp_path / f"{kind}.dcm"
        stored.write_bytes(content)
        assert dcmread(stored).Modality == modality
        assert said_of(dciodvfy, stored) == (0, [])
        for compression, syntax in SYNTAXES.items():
            sent = tmp_path / f"{kind} {compression}.dcm"
            compress(dcmread(stored), syntax).save_as(sent, enforce_file_format=True)
            assert said_of(dciodvfy, sent) == (0, [])


def test_dciodvfy_finds_the_fault_in_a_bad_summary(dciodvfy: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(pictures("findings", "OT")["summary"])
    summary = dcmread(bad)
    del summary.ConversionType
    summary.save_as(bad)

    status, said = said_of(dciodvfy, bad)

    assert status == 1
    assert any("ConversionType" in line for line in said)
