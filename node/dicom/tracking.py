"""The name and the UID under which every result knows a box: the same in all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from node.dicom import codes
from node.dicom.content_items import Relation, text, uid_reference
from node.dicom.geometry import clip
from node.dicom.header import short
from node.dicom.image_label import label
from node.dicom.result_uids import tracking_uid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from highdicom.sr import ContentItem

    from node.dicom.findings import Finding, ImageResult, StudyResult
    from node.dicom.geometry import Box


class Tracked(NamedTuple):
    """A box of an image with its Tracking Identifier and Tracking Unique Identifier."""

    image: ImageResult
    finding: Finding
    identifier: str
    uid: str

    @property
    def box(self) -> Box:
        """The box cut to its image, whatever the rows hold (PS3.3 C.18.6)."""
        rows, columns = (short(self.image.header, keyword) or 0 for keyword in ("Rows", "Columns"))
        return clip(self.finding.box, rows=rows, columns=columns)


def tracked(
    study: StudyResult, images: tuple[ImageResult, ...], *, candidates: bool = False
) -> Iterator[Tracked]:
    """Name every box of ``images``, which are in viewing order: ``L-CC-1``, ``L-CC(2)-1``.

    With ``candidates`` those below the threshold too; the names of the others stay.
    """
    seen: dict[str, int] = {}
    for image in images:
        if image.not_analysed:
            continue
        name = label(image.header, separator="-")
        times = seen[name] = seen.get(name, 0) + 1
        if times > 1:  # another image of the same side and view
            name = f"{name}({times})"
        for finding in (*image.findings, *(image.candidates if candidates else ())):
            uid = tracking_uid(study, image, finding)
            yield Tracked(image, finding, f"{name}-{finding.rank}", uid)


def tracking_items(found: Tracked) -> Iterator[ContentItem]:
    """Name a box in a report (TID 4108)."""
    yield text(Relation.HAS_OBS_CONTEXT, codes.TRACKING_IDENTIFIER, found.identifier)
    yield uid_reference(Relation.HAS_OBS_CONTEXT, codes.TRACKING_UNIQUE_IDENTIFIER, found.uid)
