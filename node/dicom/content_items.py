"""The content items of a Structured Report, one function for each value type.

PS3.3 C.17.3.2. Each function gives one item of a Content Sequence; the relationship
to its parent comes first, its own children last.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from pydicom import Dataset

from node.dicom.codes import Code


class Relation(StrEnum):
    """Relationship Type (0040,A010) of an item to the item above it."""

    CONTAINS = "CONTAINS"
    HAS_OBS_CONTEXT = "HAS OBS CONTEXT"
    HAS_CONCEPT_MOD = "HAS CONCEPT MOD"
    HAS_ACQ_CONTEXT = "HAS ACQ CONTEXT"
    INFERRED_FROM = "INFERRED FROM"
    SELECTED_FROM = "SELECTED FROM"


def container(
    relation: Relation | None, name: Code, *children: Dataset, template: str | None = None
) -> Dataset:
    """Group items; ``relation`` is ``None`` for the root, ``template`` a DCMR number."""
    if not children:
        raise ValueError(f"container {name.meaning!r} would be empty")
    item = _item(relation, "CONTAINER", name, children)
    item.ContinuityOfContent = "SEPARATE"
    if template is not None:
        identification = Dataset()
        identification.MappingResource = "DCMR"
        identification.TemplateIdentifier = template
        item.ContentTemplateSequence = [identification]
    return item


def code(relation: Relation, name: Code, value: Code, *children: Dataset) -> Dataset:
    """State a coded value."""
    item = _item(relation, "CODE", name, children)
    item.ConceptCodeSequence = [value.item()]
    return item


def text(relation: Relation, name: Code, value: str) -> Dataset:
    """State a text; an empty one is not a value (Text Value is of type 1)."""
    if not value:
        raise ValueError(f"text {name.meaning!r} would be empty")
    item = _item(relation, "TEXT", name)
    item.TextValue = value
    return item


def uid_reference(relation: Relation, name: Code, uid: str) -> Dataset:
    """State a UID that is no reference to an object of this report."""
    item = _item(relation, "UIDREF", name)
    item.UID = uid
    return item


def number(relation: Relation, name: Code, value: str, unit: Code, *children: Dataset) -> Dataset:
    """State a number; ``value`` is the decimal string as it will be written."""
    measured = Dataset()
    measured.MeasurementUnitsCodeSequence = [unit.item()]
    measured.NumericValue = value
    item = _item(relation, "NUM", name, children)
    item.MeasuredValueSequence = [measured]
    return item


def polyline(
    relation: Relation, name: Code, points: Sequence[tuple[float, float]], source: Dataset
) -> Dataset:
    r"""Draw (column, row) points on the image of the item ``source``.

    References
    ----------
    PS3.3 C.18.6: 0.0\0.0 is the top left corner of the top left pixel.
    """
    item = _item(relation, "SCOORD", name, [source])
    item.GraphicType = "POLYLINE"
    item.GraphicData = [coordinate for point in points for coordinate in point]
    return item


def image(
    relation: Relation,
    name: Code | None,
    sop_class_uid: str,
    sop_instance_uid: str,
    *children: Dataset,
) -> Dataset:
    """Refer to an image."""
    item = _item(relation, "IMAGE", name, children)
    item.ReferencedSOPSequence = [reference(sop_class_uid, sop_instance_uid)]
    return item


def reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """Build the item of a Referenced SOP Sequence (PS3.3 Table 10-11)."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item


def _item(
    relation: Relation | None, value_type: str, name: Code | None, children: Sequence[Dataset] = ()
) -> Dataset:
    item = Dataset()
    if relation is not None:
        item.RelationshipType = relation.value
    item.ValueType = value_type
    if name is not None:
        item.ConceptNameCodeSequence = [name.item()]
    if children:
        item.ContentSequence = list(children)
    return item
