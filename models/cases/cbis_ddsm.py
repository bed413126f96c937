"""CBIS-DDSM: from its tables and masks to cases, by the published rule.

The box of a finding is the longest horizontal and vertical extent of its mask. All
malignant findings of one cancer are merged into one box; several cancers are several
boxes. The tables do not say which findings are one cancer: malignant findings of one
film whose boxes overlap or touch are taken for one, a mass with its calcifications for
example, and those apart for several.

A film may stand in the tables of the masses and in those of the calcifications; it is
one case with the findings of both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.cases.case import BENIGN, MALIGNANT, Box, CaseFinding

COLUMNS: Final = frozenset(
    {
        "patient id",
        "left or right breast",
        "image view",
        "abnormality id",
        "abnormality type",
        "pathology",
        "image file path",
    }
)
"""Needed; the tables of masses write ``breast_density`` and those of calcifications
``breast density``, so underscores count as blanks."""

LARGEST_MISFIT: Final = 0.01
"""Some masks are a few pixels, or a resampling, off their film: by so much may width over
height differ for the mask to be scaled to it."""

_PATHOLOGIES: Final = {
    "MALIGNANT": MALIGNANT,
    "BENIGN": BENIGN,
    "BENIGN_WITHOUT_CALLBACK": BENIGN,
}
_SIDES: Final = {"LEFT": "L", "RIGHT": "R"}
_VIEWS: Final = {"CC": "CC", "MLO": "MLO"}
_DENSITIES: Final = {"1": "A", "2": "B", "3": "C", "4": "D"}
_KINDS: Final = {"mass": "mass", "calcification": "calcification"}
_DISTORTION: Final = frozenset({"ARCHITECTURAL_DISTORTION"})
_ASYMMETRY: Final = frozenset({"ASYMMETRIC_BREAST_TISSUE", "FOCAL_ASYMMETRIC_DENSITY"})
_FOLDER: Final = re.compile(r"(Mass|Calc)-(Training|Test)_P_\d+_(LEFT|RIGHT)_(CC|MLO)(_\d+)?")


class Film(NamedTuple):
    """One view of one breast of one patient: the collection has one film of each."""

    patient: str
    side: str
    view: str

    def __str__(self) -> str:
        """Name it for a message."""
        return f"{self.patient} {self.side} {self.view}"


@dataclass(frozen=True, slots=True)
class Abnormality:
    """One row of a table.

    ``folder`` names the film's folder and ``mask_folder`` that of the mask, which is also
    the Patient ID in their files; an empty ``density`` is not known.
    """

    film: Film
    density: str
    kind: str
    pathology: str
    folder: str
    mask_folder: str


def is_table(header: Iterable[str]) -> bool:
    """Whether a CSV file with these columns describes findings."""
    return {_column(name) for name in header} >= COLUMNS


def folder_name(part: str) -> bool:
    """Whether a part of a path, or a Patient ID, names a film or one of its findings."""
    return _FOLDER.fullmatch(part) is not None


def read_row(row: Mapping[str, str | None]) -> tuple[Abnormality | None, list[str]]:
    """Read a row of a table; give None, and all that is wrong, when it cannot be used."""
    values = {_column(name): (text or "").strip() for name, text in row.items() if name}
    problems = [
        f"{name} is {values[name]!r}"
        for name, known in (
            ("left or right breast", _SIDES),
            ("image view", _VIEWS),
            ("abnormality type", _KINDS),
            ("pathology", _PATHOLOGIES),
        )
        if values[name] not in known
    ]
    # The path's first part is the folder; what follows are UIDs that a download may not keep.
    folder = values["image file path"].split("/")[0]
    if not folder_name(folder):
        problems.append(f"image file path is {values['image file path']!r}")
    problems.extend(
        f"{name} is empty" for name in ("patient id", "abnormality id") if not values[name]
    )
    if problems:
        return None, problems
    film = Film(
        values["patient id"], _SIDES[values["left or right breast"]], _VIEWS[values["image view"]]
    )
    abnormality = Abnormality(
        film=film,
        density=_DENSITIES.get(values.get("breast density", ""), ""),
        kind=_kind(values),
        pathology=_PATHOLOGIES[values["pathology"]],
        folder=folder,
        mask_folder=f"{folder}_{values['abnormality id']}",
    )
    return abnormality, []


def one_density(abnormalities: Iterable[Abnormality]) -> str:
    """Give the density on which all rows of a film agree, else that it is not known."""
    known = {each.density for each in abnormalities} - {""}
    return known.pop() if len(known) == 1 else ""


def is_two_valued(pixels: NDArray[Any]) -> bool:
    """Whether this is a mask: nothing but 0 and one other value, or 0 alone."""
    high = pixels.max(initial=0)
    return bool(((pixels == 0) | (pixels == high)).all())


def fits(mask: tuple[int, int], film: tuple[int, int]) -> bool:
    """Whether a mask of (rows, columns) has the film's shape, at any scale."""
    return abs((mask[1] * film[0]) / (mask[0] * film[1]) - 1) <= LARGEST_MISFIT


def extent(mask: NDArray[Any], *, rows: int, columns: int) -> Box | None:
    """Give the box round all that is set, in pixels of a film of this size.

    None when nothing is set.
    """
    set_rows = np.flatnonzero(mask.any(axis=1))
    set_columns = np.flatnonzero(mask.any(axis=0))
    if not len(set_rows):
        return None
    x, y = columns / mask.shape[1], rows / mask.shape[0]
    # Edges: a mask of one pixel is one pixel wide.
    return Box(
        float(set_columns[0] * x),
        float(set_rows[0] * y),
        float((set_columns[-1] + 1) * x),
        float((set_rows[-1] + 1) * y),
    )


def merge_cancers(findings: Sequence[CaseFinding], *, gap: float = 0.0) -> tuple[CaseFinding, ...]:
    """Merge malignant findings that are one cancer; benign ones stay as they are.

    Parameters
    ----------
    gap : float
        Boxes no farther apart than this, in pixels along both axes, are one cancer.

    Returns
    -------
    tuple of CaseFinding
        Without repetitions. A merged one has the kind of its largest part.
    """
    cancers = [each for each in dict.fromkeys(findings) if each.pathology == MALIGNANT]
    others = [each for each in dict.fromkeys(findings) if each.pathology != MALIGNANT]
    heaps = [[cancer] for cancer in cancers]
    while True:
        pair = next(
            (
                (one, other)
                for number, one in enumerate(heaps)
                for other in heaps[number + 1 :]
                if _are_near(_hull(one), _hull(other), gap)
            ),
            None,
        )
        if pair is None:
            break
        one, other = pair
        one.extend(other)
        heaps = [heap for heap in heaps if heap is not other]
    merged = [
        CaseFinding(max(heap, key=lambda each: _area(each.box)).kind, MALIGNANT, _hull(heap))
        for heap in heaps
    ]
    return (*merged, *others)


def _kind(values: Mapping[str, str]) -> str:
    shapes = set(values.get("mass shape", "").upper().split("-")) - {""}
    if shapes and shapes <= _DISTORTION:
        return "distortion"
    if shapes and shapes <= _ASYMMETRY:
        return "asymmetry"
    return _KINDS[values["abnormality type"]]


def _column(name: str) -> str:
    return " ".join(name.replace("_", " ").lower().split())


def _hull(findings: Sequence[CaseFinding]) -> Box:
    boxes = [finding.box for finding in findings]
    return Box(
        min(box.x0 for box in boxes),
        min(box.y0 for box in boxes),
        max(box.x1 for box in boxes),
        max(box.y1 for box in boxes),
    )


def _are_near(a: Box, b: Box, gap: float) -> bool:
    return max(a.x0, b.x0) - min(a.x1, b.x1) <= gap and max(a.y0, b.y0) - min(a.y1, b.y1) <= gap


def _area(box: Box) -> float:
    return (box.x1 - box.x0) * (box.y1 - box.y0)
