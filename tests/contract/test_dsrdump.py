"""dsrdump of DCMTK reads every report's tree without a word of complaint."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.contract.allowed import unexpected
from tests.contract.forms import Form
from tests.contract.written import BAD, DOCUMENTS, StudyFiles
from tests.requirements import program

pytestmark = pytest.mark.dcmtk

TITLES = (
    "Comprehensive SR Document",
    "Comprehensive 3D SR Document",
    "Mammography CAD SR Document",
    "Key Object Selection Document",
)


def dump(path: Path) -> tuple[int, str, list[str]]:
    """Give the exit status, the tree, and the complaints."""
    done = subprocess.run(
        [str(program("dsrdump")), str(path)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if line[:2] in ("W:", "E:", "F:")]
    return done.returncode, done.stdout, complaints


def test_dsrdump_reads_every_document_without_complaint(files: StudyFiles) -> None:
    for document in files.of_kind(*DOCUMENTS):
        status, tree, complaints = dump(document.path)

        assert unexpected("dsrdump", files.name, complaints) == [], document.kind
        assert status == 0
        assert tree.startswith(TITLES)


def test_dsrdump_shows_each_box_and_each_reason(form: Form) -> None:
    _, tree, _ = dump(form.of_kind("measurement_report")[0].path)

    assert tree.count("<contains SCOORD:") == len(form.marks)
    reasons = sum(bool(image.not_analysed) for image in form.study.images)
    assert tree.count('"Not analysed: ') == reasons


@pytest.mark.parametrize(
    ("name", "status", "complaint"),
    [
        ("22_sr_bad_rel", 1, "has properties SCOORD"),
        ("09_odd_graphic_data", 1, "GraphicData"),
        ("03_dangling_reference", 0, "by-reference relationship does not exist"),
    ],
)
def test_dsrdump_finds_the_fault_in_a_bad_document(name: str, status: int, complaint: str) -> None:
    found, _, complaints = dump(BAD / f"{name}.dcm")

    assert found == status
    assert any(complaint in line for line in complaints)
