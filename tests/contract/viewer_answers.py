"""Viewers' own code in Node.js: one process answers for many reports."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.requirements import VIEWERS, program

SCRIPTS: Final = Path(__file__).parent / "viewers"
ADAPTERS: Final = ("5.6.8", "5.14.0")
"""The cornerstone that OHIF 3.13.13 is made with, and the newest tried."""

Answers = dict[str, dict[str, Any]]


class Case(NamedTuple):
    """A report, and the images that the viewer has loaded."""

    report: Path
    images: tuple[Path, ...]


def ohif(cases: dict[str, Case], folder: Path) -> Answers:
    """Ask OHIF's SOP class handler."""
    return _run("ohif.mjs", ADAPTERS[0], cases, folder)


def adapters(version: str, cases: dict[str, Case], folder: Path) -> Answers:
    """Ask cornerstone's adapters, which make measurements of a report's boxes."""
    return _run("adapters.mjs", version, cases, folder)


def _run(script: str, version: str, cases: dict[str, Case], folder: Path) -> Answers:
    # Node looks for packages beside the script.
    installed = VIEWERS / version
    for source in SCRIPTS.glob("*.mjs"):
        shutil.copy2(source, installed)
    listed = [
        {"name": name, "report": str(case.report), "images": [str(path) for path in case.images]}
        for name, case in cases.items()
    ]
    asked = folder / "cases.json"
    asked.write_text(json.dumps(listed))
    command = [str(program("node")), script, str(asked)]
    done = subprocess.run(
        command, cwd=installed, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    answers: Answers = json.loads(done.stdout)
    return answers
