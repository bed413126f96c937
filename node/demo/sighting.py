"""Was the inserted lesion found? The report's boxes against the lesion's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.demo.checks import Check
from node.demo.insertion import InsertedLesion
from node.demo.received import ReportedBox
from node.dicom.geometry import Box

ENOUGH_OVERLAP: Final = 0.3
"""Intersection over union from which a box counts as on the lesion (Ueda et al. 2022)."""

FOUND: Final = "the inserted lesion was found: a returned box lies on it"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What came back of the inserted lesion, as in ``summary.json``.

    ``box`` is the lesion's own, in stored pixels of the view. ``best_iou`` is the largest
    overlap with a returned box of that view, ``score_percent`` the score of that box (None
    when no box touches the lesion). ``false_boxes`` counts all boxes of the study that do
    not lie on the lesion.
    """

    view: str
    box: Box
    found: bool
    best_iou: float
    score_percent: float | None
    false_boxes: int


def look_for(lesion: InsertedLesion, boxes: Sequence[ReportedBox]) -> Sighting:
    """Compare the lesion with the boxes of the study's report."""
    best_iou, score_percent = 0.0, None
    for reported in boxes:
        iou = overlap(lesion, reported)
        if iou > best_iou:
            best_iou, score_percent = iou, reported.score_percent
    return Sighting(
        view=lesion.view,
        box=lesion.box,
        found=best_iou >= ENOUGH_OVERLAP,
        best_iou=round(best_iou, 3),
        score_percent=score_percent,
        false_boxes=sum(false_boxes(lesion, boxes).values()),
    )


def check_lesion(sighting: Sighting) -> Check:
    """Say whether a returned box lies on the lesion, and which was the nearest."""
    if sighting.best_iou == 0.0:
        return Check(FOUND, sighting.found, f"no box of {sighting.view} touches it")
    percent = sighting.score_percent
    score = "no score" if percent is None else f"score {percent:.1f} %"
    return Check(FOUND, sighting.found, f"IoU {sighting.best_iou:.2f}, {score}")


def false_boxes(lesion: InsertedLesion, boxes: Sequence[ReportedBox]) -> Counter[str]:
    """Count the boxes that do not lie on the lesion, by SOP Instance UID."""
    return Counter(
        reported.sop_instance_uid
        for reported in boxes
        if overlap(lesion, reported) < ENOUGH_OVERLAP
    )


def overlap(lesion: InsertedLesion, reported: ReportedBox) -> float:
    """Intersection over union, 0 to 1; a box of another image does not overlap at all."""
    if reported.sop_instance_uid != lesion.sop_instance_uid:
        return 0.0
    a, b = lesion.box, reported.box
    common = Box(max(a.x0, b.x0), max(a.y0, b.y0), min(a.x1, b.x1), min(a.y1, b.y1))
    if common.is_empty:
        return 0.0
    both = common.width * common.height
    return both / (a.width * a.height + b.width * b.height - both)
