"""The conditions under which the Orthanc Stone Web Viewer draws a report's boxes."""

from __future__ import annotations

from typing import NamedTuple

from pydicom import Dataset
from pydicom.uid import ComprehensiveSRStorage


class StoneMark(NamedTuple):
    """One mark as the viewer would draw it."""

    graphic_type: str
    sop_instance_uid: str
    probability: float | None


def stone_marks(report: Dataset) -> list[StoneMark]:
    """Give the marks that the viewer draws; none when it refuses the report."""
    evidence = [
        reference.ReferencedSOPInstanceUID
        for study in report.get("CurrentRequestedProcedureEvidenceSequence", [])
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    ]
    accepted = (
        report.SOPClassUID == ComprehensiveSRStorage
        and _is_named(report, "126000")
        and _follows(report, "1500")
        and bool(evidence)
        and len(set(evidence)) == len(evidence)
    )
    if not accepted:
        return []
    return [
        mark
        for measurements in report.ContentSequence
        if measurements.ValueType == "CONTAINER" and _is_named(measurements, "126010")
        for group in measurements.ContentSequence
        if group.ValueType == "CONTAINER" and _is_named(group, "125007") and _follows(group, "1410")
        for mark in _marks(group, evidence)
    ]


def _marks(group: Dataset, evidence: list[str]) -> list[StoneMark]:
    probabilities = [
        float(item.MeasuredValueSequence[0].NumericValue)
        for item in group.ContentSequence
        if _is(item, "NUM", "CONTAINS", "111047")
        and item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue == "%"
    ]
    return [
        StoneMark(
            region.GraphicType,
            image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID,
            probabilities[-1] if probabilities else None,
        )
        for region in group.ContentSequence
        if _is(region, "SCOORD", "CONTAINS", "111030")
        and region.GraphicType in ("POINT", "POLYLINE")
        for image in region.ContentSequence
        if _is(image, "IMAGE", "SELECTED FROM", "111040")
        and image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID in evidence
    ]


def _is(item: Dataset, value_type: str, relationship: str, code_value: str) -> bool:
    return (
        item.ValueType == value_type
        and item.RelationshipType == relationship
        and _is_named(item, code_value)
    )


def _is_named(item: Dataset, code_value: str) -> bool:
    names = item.get("ConceptNameCodeSequence")
    return bool(names) and (names[0].CodeValue, names[0].CodingSchemeDesignator) == (
        code_value,
        "DCM",
    )


def _follows(item: Dataset, template: str) -> bool:
    templates = item.get("ContentTemplateSequence")
    return bool(templates) and (templates[0].TemplateIdentifier, templates[0].MappingResource) == (
        template,
        "DCMR",
    )
