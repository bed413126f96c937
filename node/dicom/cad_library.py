"""The Image Library of the Mammography CAD SR, to which its other items refer (TID 4020)."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from node.dicom import cad_codes, codes
from node.dicom.content_items import Relation, code, container, date, image, number, text, time
from node.dicom.header import laterality, modifiers, shorts, texts, view_of
from node.dicom.header import text as stated
from node.dicom.references import object_reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from highdicom.sr import ContentItem
    from pydicom import Dataset

    from node.dicom.cad_codes import Vocabulary
    from node.dicom.findings import ImageResult

_CONTEXT: Final = Relation.HAS_ACQ_CONTEXT

_ORIENTATION: Final = (
    (0, cad_codes.PATIENT_ORIENTATION_ROW),
    (1, cad_codes.PATIENT_ORIENTATION_COLUMN),
)
_MOMENTS: Final = (
    ("StudyDate", cad_codes.STUDY_DATE),
    ("StudyTime", cad_codes.STUDY_TIME),
    ("ContentDate", cad_codes.CONTENT_DATE),
    ("ContentTime", cad_codes.CONTENT_TIME),
)
# (0028,0030) is row spacing, column spacing; the spacing of rows is the vertical one.
_SPACINGS: Final = (
    (1, cad_codes.HORIZONTAL_PIXEL_SPACING),
    (0, cad_codes.VERTICAL_PIXEL_SPACING),
)
_ANGLES: Final = (
    ("PositionerPrimaryAngle", cad_codes.POSITIONER_PRIMARY_ANGLE),
    ("PositionerSecondaryAngle", cad_codes.POSITIONER_SECONDARY_ANGLE),
)
_COUNTS: Final = (("Rows", codes.PIXEL_DATA_ROWS), ("Columns", codes.PIXEL_DATA_COLUMNS))

# Values of the source are passed on only where they are what their VR says (PS3.5 6.2).
_ORIENTED: Final = re.compile(r"[APRLHF]{1,3}")
_TIME: Final = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?")
_DECIMAL: Final = re.compile(r"(?=.{1,16}$)[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?")


def image_library(images: tuple[ImageResult, ...], vocabulary: Vocabulary) -> Iterator[ContentItem]:
    """List ``images``, of which every one can be referred to; no images, no library."""
    if images:
        entries = (_entry(result.header, vocabulary) for result in images)
        yield container(Relation.CONTAINS, codes.IMAGE_LIBRARY, *entries)


def _entry(header: Dataset, vocabulary: Vocabulary) -> ContentItem:
    """Describe one image as far as its header does."""
    return image(
        Relation.CONTAINS,
        None,
        *object_reference(header)[:2],
        *_side_and_view(header, vocabulary),
        *_orientation(header),
        *_moments(header),
        *_measures(header),
    )


def _side_and_view(header: Dataset, vocabulary: Vocabulary) -> Iterator[ContentItem]:
    side, view = vocabulary.side(laterality(header)), vocabulary.view(view_of(header))
    if side is not None:
        yield code(_CONTEXT, codes.IMAGE_LATERALITY, side)
    if view is not None:
        known = (vocabulary.modifier(keyword) for keyword in modifiers(header))
        modified = (
            code(Relation.HAS_CONCEPT_MOD, cad_codes.IMAGE_VIEW_MODIFIER, modifier)
            for modifier in known
            if modifier is not None
        )
        yield code(_CONTEXT, codes.IMAGE_VIEW, view, *modified)


def _orientation(header: Dataset) -> Iterator[ContentItem]:
    values = texts(header, "PatientOrientation")
    if len(values) == len(_ORIENTATION) and all(map(_ORIENTED.fullmatch, values)):
        for place, name in _ORIENTATION:
            yield text(_CONTEXT, name, values[place])


def _moments(header: Dataset) -> Iterator[ContentItem]:
    for keyword, name in _MOMENTS:
        value = stated(header, keyword)
        if keyword.endswith("Date"):
            if _is_date(value):
                yield date(_CONTEXT, name, value)
        elif _TIME.fullmatch(value):
            yield time(_CONTEXT, name, value)


def _measures(header: Dataset) -> Iterator[ContentItem]:
    spacing = _decimals(header, "PixelSpacing") or _decimals(header, "ImagerPixelSpacing")
    if len(spacing) == len(_SPACINGS) and all(Decimal(value) > 0 for value in spacing):
        for place, name in _SPACINGS:
            yield number(_CONTEXT, name, spacing[place], cad_codes.MILLIMETER)
    for keyword, name in _ANGLES:
        for value in _decimals(header, keyword)[:1]:
            yield number(_CONTEXT, name, value, cad_codes.DEGREES)
    for keyword, name in _COUNTS:
        for count in shorts(header, keyword)[:1]:
            yield number(_CONTEXT, name, str(count), codes.PIXELS)


def _is_date(value: str) -> bool:
    try:
        return f"{datetime.strptime(value, '%Y%m%d'):%Y%m%d}" == value  # noqa: DTZ007 -- no time
    except ValueError:
        return False


def _decimals(header: Dataset, keyword: str) -> tuple[str, ...]:
    """Give the values of a DS as written; none when one of them is no number."""
    values = texts(header, keyword)
    return values if all(map(_DECIMAL.fullmatch, values)) else ()
