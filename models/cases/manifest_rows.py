"""One row of a manifest: its fields, and everything that is wrong with them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from models.cases.case import (
    DENSITIES,
    KINDS,
    PATHOLOGIES,
    SIDES,
    SOURCES,
    VIEWS,
    Box,
    CaseFinding,
)

IMAGE_COLUMNS: Final = ("patient", "side", "view", "density", "source")
BOX_COLUMNS: Final = ("x0", "y0", "x1", "y1")
COLUMNS: Final = ("image", *IMAGE_COLUMNS, "finding", "pathology", *BOX_COLUMNS)

_ALLOWED: Final = {
    "side": SIDES,
    "view": VIEWS,
    "density": DENSITIES,
    "source": SOURCES,
    "finding": KINDS,
}
# float() alone would take "nan", "inf" and "1_0".
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class Row(NamedTuple):
    """What a row says; ``is_whole`` when nothing in it was wrong."""

    line: int
    image: str
    patient: str
    side: str
    view: str
    density: str
    source: str
    finding: CaseFinding | None
    is_whole: bool


def parse_row(header: list[str], fields: list[str], *, line: int) -> tuple[Row | None, list[str]]:
    """Read one row; also give what is wrong with it, without the line's number.

    None when the fields do not even fit the header.
    """
    if len(fields) != len(header):
        return None, [f"{len(fields)} fields, the first line has {len(header)}"]
    values = {name: text.strip() for name, text in zip(header, fields, strict=True)}
    problems = [f"{name} is empty" for name in ("image", "patient") if not values[name]]
    for name, allowed in _ALLOWED.items():
        if values[name] not in allowed:
            known = ", ".join(word for word in allowed if word)
            problems.append(f"{name} {values[name]!r} is not one of {known} or empty")
    finding: CaseFinding | None = None
    if _has_finding(values):
        wrong = [*_pathology_problems(values), *_box_problems(values)]
        problems.extend(wrong)
        if not wrong:
            box = Box(*(float(values[name]) for name in BOX_COLUMNS))
            finding = CaseFinding(values["finding"], values["pathology"], box)
    row = Row(
        line=line,
        # Two spellings of one path would make two images of one file.
        image=_normal(values["image"]),
        **{name: values[name] for name in IMAGE_COLUMNS},
        finding=finding,
        is_whole=not problems,
    )
    return row, problems


def _has_finding(values: dict[str, str]) -> bool:
    return any(values[name] for name in ("finding", "pathology", *BOX_COLUMNS))


def _pathology_problems(values: dict[str, str]) -> Iterator[str]:
    pathology = values["pathology"]
    if not pathology:
        yield f"a finding has no pathology ({' or '.join(PATHOLOGIES)})"
    elif pathology not in PATHOLOGIES:
        yield f"pathology {pathology!r} is not {' or '.join(PATHOLOGIES)}"


def _box_problems(values: dict[str, str]) -> Iterator[str]:
    given = [name for name in BOX_COLUMNS if values[name]]
    if len(given) < len(BOX_COLUMNS):
        missing = ", ".join(name for name in BOX_COLUMNS if not values[name])
        yield f"a finding has no {missing}"
    no_number = [name for name in given if not _is_number(values[name])]
    for name in no_number:
        yield f"{name} {values[name]!r} is no number"
    if no_number or len(given) < len(BOX_COLUMNS):
        return
    edges = {name: float(values[name]) for name in BOX_COLUMNS}
    for name, edge in edges.items():
        if edge < 0:
            yield f"{name} {values[name]} is negative"
    for low, high in (("x0", "x1"), ("y0", "y1")):
        if edges[low] > edges[high]:
            yield f"the box is inverted: {low} {values[low]} is above {high} {values[high]}"
        elif edges[low] == edges[high]:
            yield f"the box is empty: {low} and {high} are both {values[low]}"


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and math.isfinite(float(text))


def _normal(image: str) -> str:
    return PurePosixPath(os.path.normpath(image)).as_posix() if image else ""
