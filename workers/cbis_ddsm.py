"""The CBIS-DDSM folder as it is downloaded: its tables, films and masks on disk.

Known of the collection: paths in the tables hold UIDs that the download does not keep,
and may end in a line break; the files of the mask and of the cropped finding are often
exchanged, and both lie in one folder; some masks are not of their film's size.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from pydicom import dcmread

from models.cases.case import MALIGNANT, Box, Case, CaseFinding
from models.cases.cbis_ddsm import (
    Abnormality,
    Film,
    extent,
    fits,
    folder_name,
    is_table,
    is_two_valued,
    merge_cancers,
    one_density,
    read_row,
)
from node.dicom import header as read
from node.dicom.decoders import Layout, decode
from node.errors import StopError, UnreadablePixels

if TYPE_CHECKING:
    from pydicom import Dataset


@dataclass
class Import:
    """What came of a folder; a film that was ``left_out`` is no case, one of ``notes`` is."""

    cases: list[Case] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Collection:
    """A folder with tables and files."""

    def __init__(self, folder: Path) -> None:
        self.problems: list[str] = []
        self.films: dict[Film, list[Abnormality]] = {}
        for table in _tables(folder):
            for line, row in _rows(table):
                abnormality, wrong = read_row(row)
                self.problems.extend(f"{table.name} line {line}: {each}" for each in wrong)
                if abnormality is not None:
                    self.films.setdefault(abnormality.film, []).append(abnormality)
        if not self.films and not self.problems:
            raise StopError(
                f"{folder}: there is no table of CBIS-DDSM (mass_case_description_train_set.csv "
                "and its like) in it or in a folder below"
            )
        self.files = _files(folder)

    def case(self, film: Film, result: Import, *, gap: float) -> None:
        """Make the case of one film, or tell why there is none."""
        rows = self.films[film]
        folders = sorted({each.folder for each in rows})
        image = _largest([path for name in folders for path in self.files.get(name, [])])
        if image is None:
            result.left_out.append(f"{film}: there is no film in {' or '.join(folders)}")
            return
        path, size = image
        findings = []
        for row in dict.fromkeys(rows):
            box, why = _box(self.files.get(row.mask_folder, []), size)
            if box is not None:
                findings.append(CaseFinding(row.kind, row.pathology, box))
            elif row.pathology == MALIGNANT:
                # A cancer without its box would make every right answer a false positive.
                result.left_out.append(f"{film}: {row.mask_folder}: {why}")
                return
            else:
                result.notes.append(f"{film}: {row.mask_folder}: {why}; its benign box is left out")
        result.cases.append(
            Case(
                image=path,
                image_id=path.as_posix(),
                patient=film.patient,
                side=film.side,
                view=film.view,
                density=one_density(rows),
                source="film",
                findings=merge_cancers(findings, gap=gap),
            )
        )


def _tables(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise StopError(f"there is no folder {folder}")
    return sorted(
        path for path in folder.rglob("*.csv") if path.is_file() and is_table(_header(path))
    )


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        try:
            return next(csv.reader(stream), [])
        except csv.Error:
            return []


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str | None]]]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        reader = csv.DictReader(stream)
        try:
            for row in reader:
                yield reader.line_num, row
        except csv.Error as error:
            raise StopError(f"{path} line {reader.line_num}: this is no CSV: {error}") from error


def _files(folder: Path) -> dict[str, list[Path]]:
    """Find the files of each film and finding, by folder, else by Patient ID."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() != ".dcm" or not path.is_file():
            continue
        parts = [part for part in path.relative_to(folder).parts if folder_name(part)]
        name = parts[-1] if parts else _patient_id(path)
        found.setdefault(name, []).append(path)
    return found


def _patient_id(path: Path) -> str:
    header = _read(path, pixels=False)
    return "" if header is None else read.text(header, "PatientID")


def _largest(paths: Sequence[Path]) -> tuple[Path, tuple[int, int]] | None:
    """Give the largest image and its (rows, columns); of equal ones the first."""
    sized = [(path, size) for path in paths if (size := _size(path)) is not None]
    return max(sized, key=lambda each: each[1][0] * each[1][1], default=None)


def _size(path: Path) -> tuple[int, int] | None:
    header = _read(path, pixels=False)
    if header is None:
        return None
    rows, columns = read.short(header, "Rows"), read.short(header, "Columns")
    return (rows, columns) if rows and columns else None


def _box(paths: Sequence[Path], film: tuple[int, int]) -> tuple[Box | None, str]:
    """Find the mask among the files of a finding, which are not labelled reliably."""
    if not paths:
        return None, "there is no mask"
    sized = [(path, size) for path in paths if (size := _size(path)) is not None]
    shaped = [(path, size) for path, size in sized if fits(size, film)]
    why = f"no file has the shape of the film, {film[1]} x {film[0]}"
    for path, _ in sorted(shaped, key=lambda each: each[1] != film):
        pixels = _pixels(path)
        if pixels is None:
            why = f"{path.name} cannot be read"
        elif not is_two_valued(pixels):
            why = f"{path.name} is no mask"
        else:
            box = extent(pixels, rows=film[0], columns=film[1])
            if box is not None:
                return box, ""
            why = "its mask is empty"
    return None, why


def _pixels(path: Path) -> NDArray[Any] | None:
    dataset = _read(path, pixels=True)
    if dataset is None:
        return None
    try:
        return decode(dataset, Layout.of(dataset))
    except UnreadablePixels:
        return None


def _read(path: Path, *, pixels: bool) -> Dataset | None:
    try:
        return dcmread(path, stop_before_pixels=not pixels)
    except read.MALFORMED:
        return None
