"""Annotated images and a detector's boxes on them, made up for the tests of evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

from models.cases.case import Box, Case, CaseFinding
from models.evaluation.detections import ImageDetections, ScoredBox
from models.evaluation.matching import MatchedImage, match

ROWS, COLUMNS = 41, 29
"""Not square: a square hides a swapped axis."""

Annotated = tuple[Case, ImageDetections]


def cancer(*edges: float, kind: str = "mass") -> CaseFinding:
    return CaseFinding(kind, "malignant", Box(*edges))


def benign(*edges: float) -> CaseFinding:
    return CaseFinding("mass", "benign", Box(*edges))


def annotated(
    name: str,
    findings: Sequence[CaseFinding] = (),
    boxes: Sequence[ScoredBox] = (),
    *,
    patient: str = "P1",
    rows: int = ROWS,
    columns: int = COLUMNS,
    **about: str,
) -> Annotated:
    """Make one image with its boxes; ``about`` are a case's side, view, density and source."""
    case = Case(Path(name), name, patient, findings=tuple(findings), **about)
    return case, ImageDetections(rows, columns, tuple(boxes))


def matched(images: Sequence[Annotated], *, iou_threshold: float = 0.3) -> list[MatchedImage]:
    return [match(case, found, iou_threshold=iou_threshold) for case, found in images]


def split(images: Sequence[Annotated]) -> tuple[list[Case], dict[str, ImageDetections]]:
    """Give what `evaluate` takes."""
    return [case for case, _ in images], {case.image_id: found for case, found in images}


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    """Draw whole pixels from a coarse grid, so that many boxes overlap and many tie."""
    x0, y0 = 4 * draw(st.integers(0, 4)), 4 * draw(st.integers(0, 6))
    return Box(x0, y0, x0 + 4 * draw(st.integers(1, 3)), y0 + 4 * draw(st.integers(1, 4)))


# Few scores, so that many are equal; exact in float32 and as fractions.
scored_boxes = st.builds(
    lambda box, eighths: ScoredBox(*box, eighths / 8), boxes(), st.integers(1, 7)
)
findings = st.builds(
    lambda box, is_malignant: cancer(*box) if is_malignant else benign(*box),
    boxes(),
    st.booleans(),
)


@st.composite
def image_sets(draw: st.DrawFn, *, most: int = 6) -> list[Annotated]:
    """Draw some images of some patients; there may be no cancer, no box, or nothing else."""
    return [
        annotated(
            f"{number}.png",
            draw(st.lists(findings, max_size=3, unique_by=lambda each: each.box)),
            draw(st.lists(scored_boxes, max_size=5)),
            patient=f"P{draw(st.integers(1, 4))}",
        )
        for number in range(draw(st.integers(1, most)))
    ]
