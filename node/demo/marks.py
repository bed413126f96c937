"""The marks of a Mammography CAD SR, as a workstation finds them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from node.demo.received import ReportedBox, content_items, drawn_box

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydicom import Dataset

OUTLINE: Final = "111041"


def marked_boxes(report: Dataset) -> list[ReportedBox]:
    """All outlines of a report, each on the image at the place in the tree that it names."""
    found = []
    for item, _ in content_items(report):
        name = item.get("ConceptNameCodeSequence")
        if not name or name[0].CodeValue != OUTLINE:
            continue
        for below in item.ContentSequence:
            image = _item_at(report, below.ReferencedContentItemIdentifier)
            uid = str(image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
            found.append(ReportedBox(uid, *drawn_box(item), None))
    return found


def differing(boxes: Iterable[ReportedBox], reports: Iterable[Dataset]) -> list[str]:
    """Images of which the boxes are not the marks of the CAD SRs ``reports``, one for one."""
    wanted = Counter((box.sop_instance_uid, box.box) for box in boxes)
    marks = [mark for report in reports for mark in marked_boxes(report)]
    there = Counter((mark.sop_instance_uid, mark.box) for mark in marks)
    return sorted({uid for uid, _ in ((wanted - there) + (there - wanted))})


def _item_at(report: Dataset, place: Sequence[int]) -> Dataset:
    """Follow Referenced Content Item Identifier (0040,DB73): 1 is the root itself."""
    item = report
    for number in list(place)[1:]:
        item = item.ContentSequence[number - 1]
    return item
