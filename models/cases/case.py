"""One annotated mammogram, as training and evaluation take it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

MALIGNANT: Final = "malignant"
BENIGN: Final = "benign"

PATHOLOGIES: Final = (MALIGNANT, BENIGN)
SIDES: Final = ("L", "R", "")
VIEWS: Final = (
    *("CC", "MLO", "ML", "LM", "LMO", "FB", "XCCL", "XCCM", "SIO", "ISO", "SPECIMEN"),
    "",
)
"""The views of CID 4014 (PS3.16), as the node names them."""
DENSITIES: Final = ("A", "B", "C", "D", "")
"""BI-RADS: almost entirely fatty, scattered, heterogeneously dense, extremely dense."""
SOURCES: Final = ("film", "digital", "")
KINDS: Final = ("mass", "calcification", "distortion", "asymmetry", "")

BEYOND: Final = 1.0
"""Pixels by which a box may stick out of its image: hand-drawn ones end on its last or after it."""


class Box(NamedTuple):
    """Edges in stored pixels of the image: a box around the first pixel is 0, 0, 1, 1."""

    x0: float
    y0: float
    x1: float
    y1: float

    def is_within(self, *, rows: int, columns: int) -> bool:
        """Whether the box lies in an image of that size, but for what rounding adds."""
        return (
            min(self.x0, self.y0) >= -BEYOND
            and self.x1 <= columns + BEYOND
            and self.y1 <= rows + BEYOND
        )


@dataclass(frozen=True, slots=True)
class CaseFinding:
    """One lesion with its box and its pathology; an empty ``kind`` is not known."""

    kind: str
    pathology: str
    box: Box


@dataclass(frozen=True, slots=True)
class Case:
    """One image and all that was found in it.

    Parameters
    ----------
    image : Path
        Of the file.
    image_id : str
        Names the image in results; no two cases of one manifest share it.
    patient : str
        Images of one patient are never split between training and test.
    side, view, density, source : str
        One of ``SIDES``, ``VIEWS``, ``DENSITIES`` and ``SOURCES``; empty is not known.
    findings : tuple of CaseFinding
        Malignant and benign.
    """

    image: Path
    image_id: str
    patient: str
    side: str = ""
    view: str = ""
    density: str = ""
    source: str = ""
    findings: tuple[CaseFinding, ...] = ()

    def outside(self, *, rows: int, columns: int) -> Iterator[str]:
        """Say which findings do not lie in the image, which has that size."""
        for finding in self.findings:
            if not finding.box.is_within(rows=rows, columns=columns):
                edges = ", ".join(f"{edge:g}" for edge in finding.box)
                yield (
                    f"{self.image_id}: the box {edges} lies outside the image of {columns} "
                    f"columns and {rows} rows"
                )

    @property
    def malignant(self) -> tuple[CaseFinding, ...]:
        """The cancers: what the detector has to find."""
        return tuple(finding for finding in self.findings if finding.pathology == MALIGNANT)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The boxes of the cancers; none in an image without one, benign findings or not."""
        return tuple(finding.box for finding in self.malignant)

    @property
    def is_malignant(self) -> bool:
        """Whether the image shows a cancer."""
        return bool(self.malignant)
