"""The manifest: a CSV file that names annotated images, read as a whole or not at all.

One row for each finding, and one row without finding, pathology and box for an image
that has none. Images are named relative to the manifest's own folder.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from models.cases.case import Case, CaseFinding
from models.cases.manifest_rows import COLUMNS, IMAGE_COLUMNS, Row, parse_row
from models.durable_file import replace_durably
from models.errors import ModelError

MOST_SHOWN: Final = 50
"""Problems in the text of an error; ``ManifestError.problems`` has all of them."""


class ManifestError(ModelError):
    """The manifest cannot be used as it is.

    Parameters
    ----------
    path : Path
        Of the manifest.
    problems : tuple of str
        All of them, by line.
    """

    def __init__(self, path: Path, problems: tuple[str, ...]) -> None:
        shown = [f"  {problem}" for problem in problems[:MOST_SHOWN]]
        if len(problems) > MOST_SHOWN:
            shown.append(f"  and {len(problems) - MOST_SHOWN} more")
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{path}: {count}", *shown]))
        self.path = path
        self.problems = problems


class _Problem(NamedTuple):
    line: int
    text: str


def read_manifest(path: Path, *, files_exist: bool = True) -> tuple[Case, ...]:
    """Read every case, in the order of their first rows.

    Parameters
    ----------
    files_exist : bool
        Whether an image without a file is a problem; not when only what was stored of an
        earlier run is looked at.

    Raises
    ------
    ManifestError
        The file cannot be read, or anything in it is wrong; its text tells all at once.
    """
    rows, problems = _rows(path, _text(path))
    problems = [*problems, *_contradictions(rows)]
    by_image: dict[str, list[Row]] = {}
    for row in rows:
        by_image.setdefault(row.image, []).append(row)
    if files_exist:
        problems.extend(
            _Problem(same[0].line, f"there is no file {image}")
            for image, same in by_image.items()
            if image and not _is_file(path.parent / image)
        )
    if not rows and not problems:
        problems = [_Problem(1, "there is no image in it")]
    if problems:
        problems.sort(key=lambda problem: problem.line)
        raise ManifestError(path, tuple(f"line {line}: {text}" for line, text in problems))
    return tuple(_case(path.parent, same) for same in by_image.values())


def write_manifest(path: Path, cases: Iterable[Case]) -> None:
    """Write cases as a manifest, in their order; the same cases give the same bytes.

    The file appears as a whole or not at all; an image is named relative to its folder.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    folder = path.parent.absolute()
    for case in cases:
        image = Path(os.path.relpath(case.image.absolute(), folder)).as_posix()
        about = (image, case.patient, case.side, case.view, case.density, case.source)
        if not case.findings:
            writer.writerow((*about, *[""] * (len(COLUMNS) - len(about))))
        for finding in case.findings:
            box = (_number(edge) for edge in finding.box)
            writer.writerow((*about, finding.kind, finding.pathology, *box))
    replace_durably(path, lambda file: file.write(text.getvalue().encode()))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False  # a name too long, or with a character that no name may have


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ManifestError(path, (f"cannot be read: {error.strerror}",)) from error
    try:
        # Spreadsheets put a byte order mark in front.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"line {line}: this is not UTF-8; save the file as CSV in UTF-8"
        raise ManifestError(path, (problem,)) from error


def _rows(path: Path, text: str) -> tuple[list[Row], list[_Problem]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    problems: list[_Problem] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        wrong = tuple(_header_problems(header))
        if wrong:
            # Without its columns nothing else can be told of the file.
            raise ManifestError(path, tuple(f"line 1: {problem}" for problem in wrong))
        for fields in reader:
            if not fields:
                continue  # a blank line, as editors leave one at the end
            row, found = parse_row(header, fields, line=reader.line_num)
            problems.extend(_Problem(reader.line_num, problem) for problem in found)
            if row is not None:
                rows.append(row)
    except csv.Error as error:
        problems.append(_Problem(reader.line_num, f"this is no CSV: {error}"))
    return rows, problems


def _header_problems(header: list[str]) -> Iterator[str]:
    if not header:
        yield f"the file is empty; its first line must name the columns {', '.join(COLUMNS)}"
        return
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        yield "columns must be separated by commas"
        return
    missing = [name for name in COLUMNS if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    twice = sorted({name for name in header if header.count(name) > 1 and name in COLUMNS})
    if missing:
        yield f"missing columns: {', '.join(missing)}"
    if unknown:
        yield f"unknown columns: {', '.join(repr(name) for name in unknown)}"
    if twice:
        yield f"columns that stand there twice: {', '.join(twice)}"


def _contradictions(rows: list[Row]) -> Iterator[_Problem]:
    """Tell what two rows of one image may not both say."""
    first: dict[str, Row] = {}
    seen: dict[tuple[str, CaseFinding | None], int] = {}
    for row in rows:
        if not row.image:
            continue
        start = first.setdefault(row.image, row)
        for column in IMAGE_COLUMNS:
            here, there = getattr(row, column), getattr(start, column)
            if here != there:
                text = f"{column} {here!r}, but line {start.line} says {there!r} of this image"
                yield _Problem(row.line, text)
        if row.is_whole:
            twin = seen.setdefault((row.image, row.finding), row.line)
            if twin != row.line:
                yield _Problem(row.line, f"the same as line {twin}")
            elif (row.finding is None) != (start.finding is None) and start.is_whole:
                empty, full = sorted((start, row), key=lambda each: each.finding is not None)
                text = f"line {empty.line} has no finding of this image, line {full.line} has one"
                yield _Problem(row.line, text)


def _case(folder: Path, rows: list[Row]) -> Case:
    about = rows[0]
    return Case(
        image=folder / about.image,
        image_id=about.image,
        patient=about.patient,
        side=about.side,
        view=about.view,
        density=about.density,
        source=about.source,
        findings=tuple(row.finding for row in rows if row.finding is not None),
    )


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
