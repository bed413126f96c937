"""The closing summary names what was left out."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.requirements import NEEDS

ROOT = Path(__file__).parents[2]

# No program is on this path; sbin is added by the search itself and has no Redis.
NO_PROGRAMS = {**os.environ, "PATH": "/nonexistent"}


def test_a_group_whose_program_is_missing_is_left_out_by_name() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/integration/test_servers.py", "-k", "redis"],
        cwd=ROOT,
        env=NO_PROGRAMS,
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 0, answer.stdout
    assert (
        "left out: redis (Debian package redis-server is not installed): 2 tests\n" in answer.stdout
    )


def test_every_marker_of_the_settings_has_its_need() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    markers = settings["tool"]["pytest"]["ini_options"]["markers"]
    assert {marker.split(":")[0] for marker in markers} == set(NEEDS)
