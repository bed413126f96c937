"""DCMTK reads the name in every kind of result, in every character set that it knows."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from node.dicom.part10 import to_bytes
from tests.character_sets import REGULAR, SETS, header_in
from tests.every_kind import built_files
from tests.requirements import program
from tests.results import LESION, make_study

pytestmark = pytest.mark.dcmtk

DOCUMENTS = ("cad_sr", "measurement_report", "key_objects")
# Debian's DCMTK converts by the C library, which has no ISO 2022 IR 87 as DICOM means it.
CONVERTED = [name for name in REGULAR if "87" not in name]


def run(name: str, *arguments: str) -> str:
    """Give what a program says of files that it reads without an error."""
    done = subprocess.run(
        [str(program(name)), *arguments], capture_output=True, check=False, timeout=60
    )
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, done.stderr
    assert b"E:" not in done.stderr, done.stderr
    return said


def write_all(name: str, folder: Path) -> dict[str, list[Path]]:
    """Write the objects of all kinds, and the header they are from, which is in one set."""
    header = header_in(SETS[name])
    study = make_study([header], findings={0: (LESION,)})
    files: dict[str, list[Path]] = {}
    for number, (kind, content) in enumerate([*built_files(study), ("source", to_bytes(header))]):
        path = folder / f"{number}.dcm"
        path.write_bytes(content)
        files.setdefault(kind, []).append(path)
    return files


@pytest.mark.parametrize("name", SETS)
def test_dcmdump_reads_every_kind_to_its_end(name: str, tmp_path: Path) -> None:
    paths = [str(path) for paths in write_all(name, tmp_path).values() for path in paths]

    said = run("dcmdump", "-q", "+P", "PatientID", *paths)

    assert said.count("[MG-0001") == len(paths)


@pytest.mark.parametrize("name", CONVERTED)
def test_dcmtk_reads_the_name_in_every_kind(name: str, tmp_path: Path) -> None:
    files = write_all(name, tmp_path)
    paths = [str(path) for paths in files.values() for path in paths]

    names = re.findall(r" PN \[(.*)\] ", run("dcmdump", "+U8", "-q", "+P", "PatientName", *paths))

    assert names == [SETS[name].says] * len(paths)
    for kind in DOCUMENTS:
        (path,) = files[kind]
        assert SETS[name].says in run("dsrdump", "+U8", str(path))
