"""A Mammography CAD SR read back, and ways to follow its references."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import Dataset

from node.dicom.cad_report import build_cad_report
from node.dicom.findings import StudyResult
from tests.report_tree import every_item, items
from tests.results import written


def cad_of(study: StudyResult) -> Dataset:
    return written(build_cad_report(study))


def item_at(report: Dataset, place: list[int]) -> Dataset:
    """Follow an identifier as PS3.3 C.17.3.2.5 counts: 1 is the root."""
    assert place[0] == 1
    item = report
    for number in place[1:]:
        item = item.ContentSequence[number - 1]
    return item


def references(parent: Dataset) -> Iterator[Dataset]:
    """Give every item by reference below ``parent``."""
    for item in every_item(parent):
        if "ReferencedContentItemIdentifier" in item:
            yield item


def images_of(report: Dataset, parent: Dataset) -> list[str]:
    """SOP Instance UIDs of the images that the references below ``parent`` lead to."""
    return [
        item_at(report, list(reference.ReferencedContentItemIdentifier))
        .ReferencedSOPSequence[0]
        .ReferencedSOPInstanceUID
        for reference in references(parent)
    ]


def value_of(parent: Dataset, *path: str) -> str:
    """Code value, text, or number of the one item at ``path``."""
    (item,) = items(parent, *path)
    if item.ValueType == "CODE":
        return str(item.ConceptCodeSequence[0].CodeValue)
    if item.ValueType == "NUM":
        return str(item.MeasuredValueSequence[0].NumericValue)
    keyword = {"TEXT": "TextValue", "DATE": "Date", "TIME": "Time", "UIDREF": "UID"}[item.ValueType]
    return str(item[keyword].value)


def found(report: Dataset) -> list[Dataset]:
    """Single Image Findings."""
    return items(report, "111017", "111034", "111059")


def form_of(parent: Dataset, depth: int = 0) -> Iterator[str]:
    """Relationship, value type and concept of every item; a reference by its place."""
    for item in parent.get("ContentSequence", []):
        place = item.get("ReferencedContentItemIdentifier")
        if place is not None:
            yield f"{depth} {item.RelationshipType} -> {'.'.join(map(str, place))}"
            continue
        name = item.get("ConceptNameCodeSequence")
        value = item.get("ConceptCodeSequence")
        said = f" = {value[0].CodeValue}" if value else ""
        concept = name[0].CodeValue if name else "-"
        yield f"{depth} {item.RelationshipType}/{item.ValueType}/{concept}{said}"
        yield from form_of(item, depth + 1)
