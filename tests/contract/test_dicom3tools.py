"""dciodvfy finds every attribute that an IOD asks for; dcentvfy one patient, one study."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import dcmread

from node.dicom.measurement_report import build_measurement_report
from node.dicom.part10 import to_bytes
from tests.contract.forms import BAD, Form
from tests.requirements import program

pytestmark = pytest.mark.dicom3tools

# What a source does not say, its results cannot: a warning, never an error.
SAID_OF_POOR_SOURCES = {
    "no_side_no_view": re.compile(r"Laterality.* is only permitted to be empty when actually unk"),
    "sides_of_series": re.compile(r"Laterality.* is only permitted to be empty when actually unk"),
    "type_2_missing": re.compile(r"(StudyTime|StudyID).* would be needed to build DICOMDIR"),
}


def findings_of(tool: str, *arguments: str | Path) -> tuple[int, list[str]]:
    """Run a tool; give its exit status and what it said: no result of ours needs an excuse."""
    command = [str(program(tool)), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    lines = (done.stdout + done.stderr).splitlines()
    serious = [line for line in lines if line.startswith(("Error", "Warning"))]
    return done.returncode, serious


def test_dciodvfy_has_nothing_to_say_of_any_result(form: Form) -> None:
    due = SAID_OF_POOR_SOURCES.get(form.name)
    for path in form.outputs:
        status, said = findings_of("dciodvfy", "-new", path)

        assert [line for line in said if due is None or not due.search(line)] == [], path.name
        assert not any(line.startswith("Error") for line in said)
        assert status == 0


def test_dciodvfy_knows_what_it_looks_at(form_named: Callable[[str], Form]) -> None:
    form = form_named("findings")

    names = []
    for path in (form.report, form.overlays[0]):
        command = [str(program("dciodvfy")), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        names.append((done.stdout + done.stderr).split()[0])

    assert names == ["ComprehensiveSR", "SCImage"]


def test_dcentvfy_finds_one_patient_and_one_study_in_images_and_results(form: Form) -> None:
    status, said = findings_of("dcentvfy", *form.images, *form.outputs)

    assert [line for line in said if line.startswith("Error")] == []
    assert status == 0


def test_dcentvfy_finds_one_series_in_the_results_of_two_generations(
    form_named: Callable[[str], Form], tmp_path: Path
) -> None:
    """Half a day later a late image makes another report, in the series of the first."""
    form = form_named("findings")
    first = dcmread(form.report)
    later = replace(
        form.study,
        completed_at=form.study.completed_at + timedelta(hours=12),
        predecessors=((first.SOPClassUID, first.SOPInstanceUID, first.SeriesInstanceUID),),
    )
    second = tmp_path / "second.dcm"
    second.write_bytes(to_bytes(build_measurement_report(later)))

    status, said = findings_of("dcentvfy", form.report, second)

    assert dcmread(second).SeriesInstanceUID == first.SeriesInstanceUID
    assert dcmread(second).SOPInstanceUID != first.SOPInstanceUID
    assert (status, said) == (0, [])


def test_results_lack_no_attribute_of_patient_or_study_that_images_have(form: Form) -> None:
    _, said = findings_of("dcentvfy", *form.images, *form.outputs)

    differing = [line for line in said if re.search(r"IE=<(Patient|Study)>", line)]
    if form.name == "type_2_missing":  # there, empty, as the standard wants it
        differing = [line for line in differing if "present in one instance but not" not in line]
    assert differing == []


@pytest.mark.parametrize("name", ["11_no_verification_flag", "08b_evidence_incomplete"])
def test_dciodvfy_finds_the_fault_in_a_bad_report(name: str) -> None:
    status, said = findings_of("dciodvfy", "-new", BAD / f"{name}.dcm")

    assert status == 1
    assert any(line.startswith("Error") for line in said)


def test_dciodvfy_finds_the_fault_in_a_bad_overlay(
    form_named: Callable[[str], Form], tmp_path: Path
) -> None:
    overlay = dcmread(form_named("findings").overlays[0])
    del overlay.ConversionType
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(to_bytes(overlay))

    status, said = findings_of("dciodvfy", "-new", bad)

    assert status == 1
    assert any("ConversionType" in line for line in said)


def test_dcentvfy_finds_another_birth_date(
    form_named: Callable[[str], Form], tmp_path: Path
) -> None:
    form = form_named("findings")
    report = dcmread(form.report)
    report.PatientBirthDate = "19610204"
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(to_bytes(report))

    status, said = findings_of("dcentvfy", *form.images, bad)

    assert status == 1
    assert any("PatientBirthDate" in line for line in said)
