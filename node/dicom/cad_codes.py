"""The coded concepts of the Mammography CAD SR, in SNOMED CT or SNOMED-RT.

Meanings are those of PS3.16 Annex D and of the context groups named here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.dicom import views
from node.dicom.codes import Code, dcm

if TYPE_CHECKING:
    from config.profiles import CadSrOptions


# Document, TID 4000 to 4003
MAMMOGRAPHY_CAD_REPORT: Final = dcm("111036", "Mammography CAD Report")
IMPRESSION_DESCRIPTION: Final = dcm("111033", "Impression Description")
INDIVIDUAL_IMPRESSION: Final = dcm("111034", "Individual Impression/Recommendation")
RENDERING_INTENT: Final = dcm("111056", "Rendering Intent")

# CID 6034
PRESENTATION_REQUIRED: Final = dcm(
    "111150", "Presentation Required: Rendering device is expected to present"
)
PRESENTATION_OPTIONAL: Final = dcm("111151", "Presentation Optional: Rendering device may present")
NOT_FOR_PRESENTATION: Final = dcm(
    "111152", "Not for Presentation: Rendering device expected not to present"
)

# Image library, TID 4020
IMAGE_VIEW_MODIFIER: Final = dcm("111032", "Image View Modifier")
PATIENT_ORIENTATION_ROW: Final = dcm("111044", "Patient Orientation Row")
PATIENT_ORIENTATION_COLUMN: Final = dcm("111043", "Patient Orientation Column")
STUDY_DATE: Final = dcm("111060", "Study Date")
STUDY_TIME: Final = dcm("111061", "Study Time")
CONTENT_DATE: Final = dcm("111018", "Content Date")
CONTENT_TIME: Final = dcm("111019", "Content Time")
HORIZONTAL_PIXEL_SPACING: Final = dcm("111026", "Horizontal Pixel Spacing")
VERTICAL_PIXEL_SPACING: Final = dcm("111066", "Vertical Pixel Spacing")
POSITIONER_PRIMARY_ANGLE: Final = dcm("112011", "Positioner Primary Angle")
POSITIONER_SECONDARY_ANGLE: Final = dcm("112012", "Positioner Secondary Angle")

# Findings, TID 4006, 4013, 4014 and 4021
SINGLE_IMAGE_FINDING: Final = dcm("111059", "Single Image Finding")
CAD_OPERATING_POINT: Final = dcm("111071", "CAD Operating Point")
CERTAINTY_OF_FINDING: Final = dcm("111012", "Certainty of Finding")
CENTER: Final = dcm("111010", "Center")
OUTLINE: Final = dcm("111041", "Outline")
SELECTED_REGION_DESCRIPTION: Final = dcm("111058", "Selected Region Description")
SELECTED_REGION: Final = dcm("111099", "Selected region")
IMAGE_QUALITY: Final = dcm("111101", "Image Quality")
QUALITY_FINDING: Final = dcm("111052", "Quality Finding")
QUALITY_ASSESSMENT: Final = dcm("111050", "Quality Assessment")
SOFTWARE_FAILURE: Final = dcm("111218", "Software failure")
OTHER_FAILURE: Final = dcm("111220", "Other failure")
UNUSABLE: Final = dcm("111235", "Unusable - Quality renders image unusable")

# Detections, TID 4015 and 4017
SUMMARY_OF_DETECTIONS: Final = dcm("111064", "Summary of Detections")
SUMMARY_OF_ANALYSES: Final = dcm("111065", "Summary of Analyses")
SUCCESSFUL_DETECTIONS: Final = dcm("111063", "Successful Detections")
FAILED_DETECTIONS: Final = dcm("111025", "Failed Detections")
DETECTION_PERFORMED: Final = dcm("111022", "Detection Performed")
MAXIMUM_CAD_OPERATING_POINT: Final = dcm("111072", "Maximum CAD Operating Point")

# CID 6042
SUCCEEDED: Final = dcm("111222", "Succeeded")
PARTIALLY_SUCCEEDED: Final = dcm("111223", "Partially Succeeded")
FAILED: Final = dcm("111224", "Failed")
NOT_ATTEMPTED: Final = dcm("111225", "Not Attempted")

# Units
MILLIMETER: Final = Code("mm", "UCUM", "millimeter")
DEGREES: Final = Code("deg", "UCUM", "degrees")
OPERATING_POINT_NUMBER: Final = Code("{1:n}", "UCUM", "range: 1:n")
ARBITRARY_UNIT: Final = Code("[arb'U]", "UCUM", "arbitrary unit")

# CID 6022, by the keywords that node.dicom.header gives
_SIDES: Final = (
    views.Term("L", "80248007", "T-04030", "Left breast"),
    views.Term("R", "73056007", "T-04020", "Right breast"),
    views.Term("B", "63762007", "T-04080", "Both breasts"),
)
# Extensions and members of CID 6014
_FINDINGS: Final = (
    views.Term("lesion", "52988006", "M-01100", "Lesion"),
    views.Term("density", "129793001", "F-01796", "Mammography breast density"),
)


class Vocabulary:
    """The concepts of SNOMED in the form that a destination reads (PS3.16 Annex L)."""

    def __init__(self, options: CadSrOptions) -> None:
        self._has_rt = options.codes == "SRT"
        self.finding = self._coded(_FINDINGS, options.finding_code) or SELECTED_REGION

    def side(self, keyword: str) -> Code | None:
        """Give a side of CID 6022; ``keyword`` is that of ``header.laterality``."""
        return self._coded(_SIDES, keyword)

    def view(self, keyword: str) -> Code | None:
        """Give a view of CID 4014; ``keyword`` is that of ``header.view_of``."""
        return self._coded(views.VIEWS, keyword)

    def modifier(self, keyword: str) -> Code | None:
        """Give a view modifier of CID 4015; ``keyword`` is one of ``header.modifiers``."""
        return self._coded(views.MODIFIERS, keyword)

    def _coded(self, terms: tuple[views.Term, ...], keyword: str) -> Code | None:
        for term in terms:
            if term.keyword == keyword:
                value, scheme = (term.srt, "SRT") if self._has_rt else (term.sct, "SCT")
                return Code(value, scheme, term.meaning)
        return None
