"""The Image Library of a report: the images that came in (TID 1600 to 1602)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.dicom import codes
from node.dicom.content_items import Relation, code, container, image, number
from node.dicom.header import laterality, shorts, text, view_of
from node.dicom.references import object_reference
from node.dicom.sop_classes import IMAGES

if TYPE_CHECKING:
    from highdicom.sr import ContentItem
    from pydicom import Dataset

    from node.dicom.codes import Code
    from node.dicom.findings import ImageResult


def referable(images: tuple[ImageResult, ...]) -> tuple[ImageResult, ...]:
    """Leave out what an IMAGE item cannot name: other objects, and images without UIDs."""
    return tuple(
        result
        for result in images
        if object_reference(result.header)[0] in IMAGES and all(object_reference(result.header))
    )


def image_library(images: tuple[ImageResult, ...]) -> list[ContentItem]:
    """List the images, those not analysed in a group of their own; no images, no library."""
    groups = (
        [result for result in referable(images) if not result.not_analysed],
        [result for result in referable(images) if result.not_analysed],
    )
    containers = [
        container(
            Relation.CONTAINS,
            codes.IMAGE_LIBRARY_GROUP,
            *(_entry(result.header) for result in group),
        )
        for group in groups
        if group
    ]
    if not containers:
        return []
    return [container(Relation.CONTAINS, codes.IMAGE_LIBRARY, *containers)]


def _entry(header: Dataset) -> ContentItem:
    """Describe one image as far as its header does."""
    context = Relation.HAS_ACQ_CONTEXT
    coded: list[tuple[Code, Code | None]] = [
        (codes.MODALITY, codes.MODALITIES.get(text(header, "Modality"))),
        (codes.IMAGE_LATERALITY, codes.SIDES.get(laterality(header))),
        (codes.IMAGE_VIEW, codes.VIEWS.get(view_of(header))),
    ]
    counted = ((codes.PIXEL_DATA_ROWS, "Rows"), (codes.PIXEL_DATA_COLUMNS, "Columns"))
    return image(
        Relation.CONTAINS,
        None,
        *object_reference(header)[:2],
        *(code(context, name, value) for name, value in coded if value is not None),
        *(
            number(context, name, str(count), codes.PIXELS)
            for name, keyword in counted
            for count in shorts(header, keyword)
        ),
    )
