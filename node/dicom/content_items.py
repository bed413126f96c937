"""The content items of a Structured Report, one function for each value type.

highdicom builds and checks each item (PS3.3 C.17.3.2); the functions here say in one
line what a report says in one: the relationship to the parent comes first, the item's
own children last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    DateContentItem,
    GraphicTypeValues,
    ImageContentItem,
    NumContentItem,
    ScoordContentItem,
    TextContentItem,
    TimeContentItem,
    UIDRefContentItem,
)
from highdicom.sr import RelationshipTypeValues as Relation
from pydicom import Dataset
from typing_extensions import override

from node.dicom.codes import Code

__all__ = ["Relation"]


def container(
    relation: Relation | None, name: Code, *children: ContentItem, template: str | None = None
) -> ContentItem:
    """Group items; ``relation`` is ``None`` for the root, ``template`` a DCMR number."""
    if not children:
        raise ValueError(f"container {name.meaning!r} would be empty")
    item = ContainerContentItem(
        _concept(name),
        is_content_continuous=False,
        template_id=template,
        relationship_type=relation,
    )
    return _with_children(item, children)


def code(relation: Relation, name: Code, value: Code, *children: ContentItem) -> ContentItem:
    """State a coded value."""
    item = CodeContentItem(_concept(name), _concept(value), relationship_type=relation)
    return _with_children(item, children)


def text(relation: Relation, name: Code, value: str) -> ContentItem:
    """State a text; an empty one is not a value (Text Value is of type 1)."""
    if not value:
        raise ValueError(f"text {name.meaning!r} would be empty")
    return TextContentItem(_concept(name), value, relationship_type=relation)


def date(relation: Relation, name: Code, value: str) -> ContentItem:
    """State a date, a DA as it will be written."""
    return DateContentItem(_concept(name), value, relationship_type=relation)


def time(relation: Relation, name: Code, value: str) -> ContentItem:
    """State a time, a TM as it will be written."""
    return TimeContentItem(_concept(name), value, relationship_type=relation)


def uid_reference(relation: Relation, name: Code, uid: str) -> ContentItem:
    """State a UID that is no reference to an object of this report."""
    return UIDRefContentItem(_concept(name), uid, relationship_type=relation)


def number(
    relation: Relation, name: Code, value: str, unit: Code, *children: ContentItem
) -> ContentItem:
    """State a number; ``value`` is the decimal string as it will be written."""
    item = NumContentItem(_concept(name), float(value), _concept(unit), relationship_type=relation)
    (measured,) = item.MeasuredValueSequence
    # The string is what the score was rounded to; a float beside it would say more digits.
    measured.NumericValue = value
    del measured.FloatingPointValue
    return _with_children(item, children)


def polyline(
    relation: Relation, name: Code, points: Sequence[tuple[float, float]], source: ContentItem
) -> ContentItem:
    r"""Draw (column, row) points on the image of the item ``source``.

    References
    ----------
    PS3.3 C.18.6: 0.0\0.0 is the top left corner of the top left pixel.
    """
    return _drawn(relation, name, GraphicTypeValues.POLYLINE, points, source)


def point(
    relation: Relation, name: Code, place: tuple[float, float], source: ContentItem
) -> ContentItem:
    """Mark one (column, row) on the image of the item ``source``."""
    return _drawn(relation, name, GraphicTypeValues.POINT, [place], source)


def image(
    relation: Relation,
    name: Code | None,
    sop_class_uid: str,
    sop_instance_uid: str,
    *children: ContentItem,
) -> ContentItem:
    """Refer to an image; in an image library it has no name."""
    kind = ImageContentItem if name is not None else _UnnamedImage
    item = kind(
        _concept(name or UNNAMED), sop_class_uid, sop_instance_uid, relationship_type=relation
    )
    if name is None:
        del item.ConceptNameCodeSequence
    return _with_children(item, children)


def by_reference(relation: Relation, position: Sequence[int]) -> ContentItem:
    """Refer to the item at ``position``, its number on each level from 1 for the root.

    References
    ----------
    PS3.3 C.17.3.2.5: the identifier counts in the whole tree, so an item that is put
    before the target moves it.
    """
    return _ByReference(relation, position)


def reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """Build the item of a Referenced SOP Sequence (PS3.3 Table 10-11)."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item


UNNAMED: Final = Code("260753009", "SCT", "Source")
"""highdicom asks every image for a name; TID 1601 gives it none."""


class _UnnamedImage(ImageContentItem):
    """An image of a library; highdicom's sequences ask each item for its name."""

    @property
    @override
    def name(self) -> CodedConcept:
        return _concept(UNNAMED)


class _ByReference(ContentItem):
    """An item of another place; highdicom's constructor would give it a value type."""

    def __init__(self, relation: Relation, position: Sequence[int]) -> None:
        Dataset.__init__(self)
        self.RelationshipType = relation.value
        self.ReferencedContentItemIdentifier = list(position)

    @property
    @override
    def name(self) -> CodedConcept:
        return _concept(UNNAMED)


def _concept(named: Code) -> CodedConcept:
    return CodedConcept(named.value, named.scheme, named.meaning)


def _drawn(
    relation: Relation,
    name: Code,
    graphic: GraphicTypeValues,
    points: Sequence[tuple[float, float]],
    source: ContentItem,
) -> ContentItem:
    data = np.asarray(points, dtype=np.float64)
    item = ScoordContentItem(_concept(name), graphic, data, relationship_type=relation)
    return _with_children(item, [source])


def _with_children(item: ContentItem, children: Sequence[ContentItem]) -> ContentItem:
    if children:
        item.ContentSequence = ContentSequence(children)
    return item
