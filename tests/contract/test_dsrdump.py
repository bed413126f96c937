"""dsrdump of DCMTK reads every report's tree without a word of complaint."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.contract.forms import BAD, Form
from tests.requirements import program

pytestmark = pytest.mark.dcmtk

# It checks no VRs in these sets, and TID 1500 not at all: both are said of every report.
FALSE_POSITIVES = ("Specific Character Set", "SpecificCharacterSet", "template constraints not yet")


def dump(path: Path) -> tuple[int, str, list[str]]:
    """Give the exit status, the tree, and the complaints that are not known to be wrong."""
    done = subprocess.run(
        [str(program("dsrdump")), str(path)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    complaints = [
        line
        for line in done.stderr.splitlines()
        if line[:2] in ("W:", "E:", "F:") and not any(text in line for text in FALSE_POSITIVES)
    ]
    return done.returncode, done.stdout, complaints


def test_dsrdump_reads_every_report_without_complaint(form: Form) -> None:
    status, tree, complaints = dump(form.report)

    assert complaints == []
    assert status == 0
    assert tree.startswith("Comprehensive SR Document")


def test_dsrdump_shows_each_box_and_each_reason(form: Form) -> None:
    _, tree, _ = dump(form.report)

    boxes = sum(len(image.findings) for image in form.study.analysed)
    assert tree.count("<contains SCOORD:") == boxes
    reasons = sum(bool(image.not_analysed) for image in form.study.images)
    assert tree.count('"Not analysed: ') == reasons


def test_dsrdump_finds_the_fault_in_a_bad_report() -> None:
    status, _, complaints = dump(BAD / "22_sr_bad_rel.dcm")

    assert status == 1
    assert any("has properties SCOORD" in line for line in complaints)
