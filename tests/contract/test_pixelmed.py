"""PixelMed's DicomSRValidator holds each document against its templates, row by row."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.allowed import ALLOWED, unexpected
from tests.contract.studies import STUDIES
from tests.contract.written import BAD, DOCUMENTS, StudyFiles
from tests.requirements import PIXELMED, program

pytestmark = [pytest.mark.pixelmed, pytest.mark.timeout(1200)]

# It takes seconds for each document: all studies, and the forms that no study has.
NAMES = (
    *STUDIES,
    *("partly_analysed", "none_analysed", "comprehensive3d", "utf8"),
    *("cad_density", "cad_selected_region", "cad_probability", "cad_old_codes"),
    *("cad_graded", "cad_graded_candidates_only"),
    *("cad_some_failed", "cad_pending", "cad_nothing_due", "cad_sparse"),
)
ROOTS = {
    "cad_sr": "TID_4000 (MammographyCADDocumentRoot)",
    "measurement_report": "TID_1500 (MeasurementReport)",
    "key_objects": "TID_2010 (KeyObjectSelection)",
}
# Java's limits on XPath are smaller than the rules; without this they do not load.
JVM = ["-Xmx3g"] + [
    f"-Djdk.xml.{limit}=0"
    for limit in ("xpathTotalOpLimit", "xpathExprOpLimit", "xpathExprGrpLimit")
]
COMPLAINT = re.compile(r"Error|Warning|illegal relationship")


BAD_DOCUMENTS = {
    "02_no_center": "Missing required content item",
    "03_dangling_reference": "illegal relationship",
    "22_sr_bad_rel": "illegal relationship HAS PROPERTIES",
}
Said = dict[Path, list[str]]


@pytest.fixture(scope="module")
def said(files_named: Callable[[str], StudyFiles]) -> Said:
    """Validate all documents and the bad ones in a single JVM; give each one's lines."""
    paths = [made.path for name in NAMES for made in files_named(name).of_kind(*DOCUMENTS)]
    paths += [BAD / f"{name}.dcm" for name in BAD_DOCUMENTS]
    command = [str(program("java")), *JVM, "-cp", str(PIXELMED)]
    source = Path(__file__).parent / "SRBatch.java"
    done = subprocess.run(
        [*command, str(source), *map(str, paths)],
        capture_output=True,
        text=True,
        errors="replace",
        check=True,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
    )
    parts = done.stdout.split("=== ")[1:]
    assert len(parts) == len(paths), done.stderr
    return {Path(lines[0]): lines[1:] for lines in (part.splitlines() for part in parts)}


@pytest.mark.parametrize("name", NAMES)
def test_each_document_follows_its_templates(
    files_named: Callable[[str], StudyFiles], said: Said, name: str
) -> None:
    for document in files_named(name).of_kind(*DOCUMENTS):
        lines = said[document.path]

        assert f"Found Root Template {ROOTS[document.kind]}" in lines
        assert "Root Template Validation Complete" in lines
        complaints = [line for line in lines if COMPLAINT.search(line)]
        assert unexpected("PixelMed", name, complaints) == [], document.kind


@pytest.mark.parametrize("name", BAD_DOCUMENTS)
def test_pixelmed_finds_the_fault_in_a_bad_document(said: Said, name: str) -> None:
    assert any(BAD_DOCUMENTS[name] in line for line in said[BAD / f"{name}.dcm"])


def test_every_message_that_is_allowed_is_said_of_something(said: Said) -> None:
    """A row of the table that nothing needs would hide the next fault."""
    lines = [line for path, lines in said.items() if path.parent != BAD for line in lines]

    rows = [row for row in ALLOWED if row.tool == "PixelMed"]
    assert len(rows) > 0
    for row in rows:
        assert any(re.search(row.message, line) for line in lines), row.message
