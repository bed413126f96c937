"""PixelMed's DicomSRValidator holds reports against the templates of TID 1500."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.forms import BAD, Form
from tests.requirements import PIXELMED, program

pytestmark = [pytest.mark.pixelmed, pytest.mark.timeout(600)]

REPORTS = ("findings", "without_findings", "none_analysed", "partly_analysed", "utf8", "japanese")
# Java's limits on XPath are smaller than the rules; without this they do not load.
JVM = ["-Xmx2g"] + [
    f"-Djdk.xml.{limit}=0"
    for limit in ("xpathTotalOpLimit", "xpathExprOpLimit", "xpathExprGrpLimit")
]
FALSE_POSITIVES = re.compile(
    # CID 100 is a baseline group: it may be extended.
    r'Code \(71651007,SCT,"Mammography"\) not found in context group 100$'
    # Items newer than its copy of TID 1411; templates are extensible.
    r'|Warning: .*CODE \(276214006,SCT,"Finding category"\): Content Item not in template$'
    r'|Warning: .*TEXT \(121106,DCM,"Comment"\): Content Item not in template$'
    # It takes the rows of TID 4019 for those of row 14.
    r'|"Qualitative Evaluations"\)/\[Row 14\] TEXT .*/TEXT \((111001|111003),DCM.*'
    r"Incorrect relationship"
)
COMPLAINT = re.compile(r"Error|Warning|illegal relationship")


@pytest.fixture(scope="module")
def validated(form_named: Callable[[str], Form]) -> dict[str, list[str]]:
    """Validate all reports and one bad one in a single JVM; give each one's lines."""
    paths = {name: form_named(name).report for name in REPORTS}
    paths["bad"] = BAD / "22_sr_bad_rel.dcm"
    command = [str(program("java")), *JVM, "-cp", str(PIXELMED)]
    source = Path(__file__).parent / "SRBatch.java"
    done = subprocess.run(
        [*command, str(source), *map(str, paths.values())],
        capture_output=True,
        text=True,
        errors="replace",
        check=True,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
    )
    parts = done.stdout.split("=== ")[1:]
    assert len(parts) == len(paths), done.stderr
    return {name: part.splitlines()[1:] for name, part in zip(paths, parts, strict=True)}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_follows_its_templates(validated: dict[str, list[str]], name: str) -> None:
    lines = validated[name]

    assert "Found Root Template TID_1500 (MeasurementReport)" in lines
    assert "Root Template Validation Complete" in lines
    complaints = [line for line in lines if COMPLAINT.search(line)]
    assert [line for line in complaints if not FALSE_POSITIVES.search(line)] == []


def test_pixelmed_finds_the_fault_in_a_bad_report(validated: dict[str, list[str]]) -> None:
    assert any("illegal relationship HAS PROPERTIES" in line for line in validated["bad"])
