from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.architecture.sources import PACKAGES, ROOT

EXTRAS = ("cpu", "demo", "dev")
PINNED = re.compile(r"[a-z0-9][a-z0-9-]*==[0-9][0-9a-z.+!]*")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    return dict(line.split("==") for line in lines)


def required(distribution: str, extras: tuple[str, ...]) -> set[tuple[str, tuple[str, ...]]]:
    """Return what a distribution needs here, as (name, extras)."""
    found = set()
    for text in metadata.requires(distribution) or []:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in (*extras, "")):
            found.add((normal(requirement.name), tuple(sorted(requirement.extras))))
    return found


def everything_installed_for(extras: tuple[str, ...]) -> set[str]:
    """Return the names of all distributions that mgnode with ``extras`` brings."""
    waiting = [("mgnode", extras)]
    seen = set(waiting)
    while waiting:
        name, wanted = waiting.pop()
        new = required(name, wanted) - seen
        seen |= new
        waiting += new
    return {name for name, _ in seen} - {"mgnode"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_owns_our_names(package: str) -> None:
    """The four import names are plain words; a clash would replace half of the node."""
    assert set(metadata.packages_distributions().get(package, [])) <= {"mgnode"}
    assert Path(importlib.import_module(package).__file__ or "").parent == ROOT / package


def test_every_pin_is_a_name_and_a_version_without_an_address() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if not PINNED.fullmatch(line)] == []
    assert lines == sorted(set(lines), key=lambda line: line.split("==")[0])


def test_the_pins_cover_the_whole_dependency_tree() -> None:
    assert everything_installed_for(EXTRAS) - set(pins()) == set()


def test_what_is_installed_is_what_is_pinned() -> None:
    """The tests prove these versions and no others."""
    installed = {name: metadata.version(name) for name in everything_installed_for(EXTRAS)}

    assert {name: (installed[name], pins()[name]) for name in installed} == {
        name: (pins()[name], pins()[name]) for name in installed
    }


def test_the_bare_installation_has_no_tensorflow() -> None:
    bare = everything_installed_for(())

    assert not {name for name in bare if name.startswith(("tensorflow", "keras"))}


def test_no_extra_brings_a_library_under_the_gpl() -> None:
    """The node is Apache-2.0; pylibjpeg's plugin for JPEG would be GPL-3."""
    assert "pylibjpeg-libjpeg" not in everything_installed_for(EXTRAS) | set(pins())


def test_the_wheel_holds_every_file_of_the_four_packages(wheel: zipfile.ZipFile) -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert packed == files
    assert "config/mgnode.example.toml" in packed


def test_the_wheel_brings_the_command_and_refuses_an_upload(wheel: zipfile.ZipFile) -> None:
    info = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    text = wheel.read(info).decode()
    points = wheel.read(info.replace("METADATA", "entry_points.txt")).decode()

    assert "mgnode = workers.cli:main" in points
    assert "Classifier: Private :: Do Not Upload" in text
    assert "License-Expression: Apache-2.0" in text


def test_the_version_of_the_project_stands_in_the_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert "## [Unreleased]" in changelog or f"## [{project['version']}]" in changelog
