"""A measurement report read back, and ways to find an item of its tree."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import Dataset

from node.dicom.findings import StudyResult
from node.dicom.measurement_report import build_measurement_report
from tests.factories import four_view_study
from tests.results import LESION, SECOND_LESION, make_study, written


def report_of(study: StudyResult) -> Dataset:
    return written(build_measurement_report(study))


def items(parent: Dataset, *path: str) -> list[Dataset]:
    """Follow concept names by code value; the last step gives every match."""
    found = [parent]
    for step in path:
        found = [
            child
            for item in found
            for child in item.get("ContentSequence", [])
            if child.get("ConceptNameCodeSequence", [Dataset()])[0].get("CodeValue") == step
        ]
    return found


def every_item(parent: Dataset) -> Iterator[Dataset]:
    for child in parent.get("ContentSequence", []):
        yield child
        yield from every_item(child)


def predecessors(report: Dataset) -> list[str]:
    """SOP Instance UIDs of the documents that a report supersedes."""
    return [
        str(instance.ReferencedSOPInstanceUID)
        for study in report.get("PredecessorDocumentsSequence", [])
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    ]


def texts(parent: Dataset, *path: str) -> list[str]:
    return [item.TextValue for item in items(parent, *path)]


def library_images(report: Dataset) -> list[str]:
    return [
        image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for group in items(report, "111028", "126200")
        for image in group.ContentSequence
    ]


def evidence(report: Dataset) -> list[str]:
    return [
        reference.ReferencedSOPInstanceUID
        for study in report.get("CurrentRequestedProcedureEvidenceSequence", [])
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    ]


def form_of(parent: Dataset, depth: int = 0) -> Iterator[str]:
    for item in parent.get("ContentSequence", []):
        name = item.get("ConceptNameCodeSequence")
        concept = name[0].CodeValue if name else "-"
        yield f"{depth} {item.RelationshipType}/{item.ValueType}/{concept}"
        yield from form_of(item, depth + 1)


def with_box() -> StudyResult:
    return make_study(four_view_study(), findings={1: (LESION, SECOND_LESION)})
