"""Look whether every pinned package was looked at, and ask for known weaknesses where one can.

``python -m tests.dependencies`` compares constraints.txt with docs/security/dependencies.csv:
each pin, in its version, with a licence that goes with Apache-2.0. With ``--ask`` pip-audit
asks the vulnerability service too; where nobody answers it says "not asked", which is no
failure: a build must not depend on the network.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
PINS: Final = ROOT / "constraints.txt"
REVIEW: Final = ROOT / "docs" / "security" / "dependencies.csv"
SECONDS: Final = 120
"""Longest wait for the vulnerability service, all packages together."""

ALLOWED: Final = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "PSF-2.0",
        "Zlib",
        # Of files or of a library of their own, which we neither change nor link into ours.
        "LGPL-3.0-only",
        "MPL-2.0",
        # Not free; of the extra "gpu" alone, from its maker.
        "LicenseRef-NVIDIA-CUDA",
    }
)

ACCEPTED: Final[dict[str, str]] = {}
"""Known weaknesses that do not concern this project: identifier -> why."""


def problems(pins: Path = PINS, review: Path = REVIEW) -> list[str]:
    """Say what is wrong between the pins and the review; nothing when all is well."""
    pinned = dict(line.split("==") for line in pins.read_text(encoding="utf-8").split())
    with review.open(encoding="utf-8", newline="") as stream:
        rows = {row["name"]: row for row in csv.DictReader(stream)}
    return [
        *(f"{name}: not looked at" for name in pinned if name not in rows),
        *(f"{name}: looked at, and not pinned" for name in rows if name not in pinned),
        *(text for name in pinned if name in rows for text in _wrong(pinned[name], rows[name])),
    ]


def _wrong(version: str, row: dict[str, str]) -> Iterator[str]:
    if row["version"] != version:
        yield f"{row['name']}: {row['version']} was looked at, and {version} is pinned"
    licence = row["licence"].replace(" OR ", " AND ").split(" AND ")
    if not set(licence) <= ALLOWED:
        yield f"{row['name']}: licence {row['licence']} is not one of those that are allowed"
    try:
        date.fromisoformat(row["looked_at"])
    except ValueError:
        yield f"{row['name']}: {row['looked_at']!r} is no date"


def ask() -> tuple[list[str], str]:
    """Ask for known weaknesses; give those that count, and who was not asked or why nobody was."""
    options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(PINS), *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return [], f"not asked: no answer within {SECONDS} s"
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
        return [], f"not asked: {last[:200]}"
    return found(answer)


def found(answer: dict[str, Any]) -> tuple[list[str], str]:
    """Read pip-audit's answer."""
    packages = answer["dependencies"]
    asked = [package for package in packages if "vulns" in package]
    if not asked:
        return [], "not asked: the service knows none of the packages here"
    weak = [
        f"{package['name']} {package['version']}: {each['id']}, mended in "
        f"{', '.join(each.get('fix_versions') or ['no version yet'])}"
        for package in asked
        for each in package["vulns"]
        if each["id"] not in ACCEPTED
    ]
    return weak, f"asked about {len(asked)} of {len(packages)} packages"


def main() -> int:
    """Print what was found; 1 when something is wrong."""
    wrong = problems()
    if "--ask" in sys.argv:
        weak, said = ask()
        wrong += weak
        sys.stdout.write(f"known weaknesses: {said}\n")
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    sys.stdout.write(f"dependencies: {len(wrong)} problems\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
