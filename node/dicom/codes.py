"""The coded concepts that our results use, and no others.

Meanings are those of PS3.16 Annex D and of the context groups named here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pydicom import Dataset

from node.dicom import views


class Code(NamedTuple):
    """A coded concept: value, coding scheme, meaning."""

    value: str
    scheme: str
    meaning: str

    def item(self) -> Dataset:
        """Build the item of a code sequence (PS3.3 Table 8.8-1)."""
        item = Dataset()
        item.CodeValue = self.value
        item.CodingSchemeDesignator = self.scheme
        item.CodeMeaning = self.meaning
        return item


def dcm(value: str, meaning: str) -> Code:
    """Make a code of the DICOM Controlled Terminology (PS3.16 Annex D)."""
    return Code(value, "DCM", meaning)


def _sct(value: str, meaning: str) -> Code:
    return Code(value, "SCT", meaning)


# Document, TID 1500 and TID 1204
IMAGING_MEASUREMENT_REPORT: Final = dcm("126000", "Imaging Measurement Report")
LANGUAGE: Final = dcm("121049", "Language of Content Item and Descendants")
ENGLISH: Final = Code("en-US", "RFC5646", "English (United States)")
PROCEDURE_REPORTED: Final = dcm("121058", "Procedure reported")
MAMMOGRAPHY: Final = _sct("71651007", "Mammography")

# Observer, TID 1001 to 1004
OBSERVER_TYPE: Final = dcm("121005", "Observer Type")
DEVICE: Final = dcm("121007", "Device")
DEVICE_OBSERVER_UID: Final = dcm("121012", "Device Observer UID")
DEVICE_OBSERVER_NAME: Final = dcm("121013", "Device Observer Name")
DEVICE_OBSERVER_MANUFACTURER: Final = dcm("121014", "Device Observer Manufacturer")
DEVICE_OBSERVER_MODEL_NAME: Final = dcm("121015", "Device Observer Model Name")
DEVICE_OBSERVER_SERIAL_NUMBER: Final = dcm("121016", "Device Observer Serial Number")

# Image library, TID 1600 to 1603
IMAGE_LIBRARY: Final = dcm("111028", "Image Library")
IMAGE_LIBRARY_GROUP: Final = dcm("126200", "Image Library Group")
MODALITY: Final = dcm("121139", "Modality")
IMAGE_LATERALITY: Final = dcm("111027", "Image Laterality")
IMAGE_VIEW: Final = dcm("111031", "Image View")
PIXEL_DATA_ROWS: Final = dcm("110910", "Pixel Data Rows")
PIXEL_DATA_COLUMNS: Final = dcm("110911", "Pixel Data Columns")

# Measurement group, TID 1410 and 1419
IMAGING_MEASUREMENTS: Final = dcm("126010", "Imaging Measurements")
MEASUREMENT_GROUP: Final = dcm("125007", "Measurement Group")
TRACKING_IDENTIFIER: Final = dcm("112039", "Tracking Identifier")
TRACKING_UNIQUE_IDENTIFIER: Final = dcm("112040", "Tracking Unique Identifier")
FINDING_CATEGORY: Final = _sct("276214006", "Finding category")
ABNORMAL_STRUCTURE: Final = _sct("49755003", "Morphologically abnormal structure")
FINDING: Final = dcm("121071", "Finding")
LESION: Final = _sct("52988006", "Lesion")
FINDING_SITE: Final = _sct("363698007", "Finding Site")
BREAST: Final = _sct("76752008", "Breast")
LATERALITY: Final = _sct("272741003", "Laterality")
PROBABILITY_OF_CANCER: Final = dcm("111047", "Probability of cancer")
IMAGE_REGION: Final = dcm("111030", "Image Region")
SOURCE: Final = _sct("260753009", "Source")
ORIGINAL_SOURCE: Final = dcm("111040", "Original Source")
COMMENT: Final = dcm("121106", "Comment")

# Key Object Selection, TID 2010
OF_INTEREST: Final = dcm("113000", "Of Interest")
KEY_OBJECT_DESCRIPTION: Final = dcm("113012", "Key Object Description")

# Algorithm, TID 4019
ALGORITHM_NAME: Final = dcm("111001", "Algorithm Name")
ALGORITHM_VERSION: Final = dcm("111003", "Algorithm Version")
ALGORITHM_PARAMETERS: Final = dcm("111002", "Algorithm Parameters")
ALGORITHM_FAMILY: Final = dcm("111000", "Algorithm Family")
ARTIFICIAL_INTELLIGENCE: Final = dcm("123110", "Artificial Intelligence")

# What was and was not analysed, CID 6047
QUALITATIVE_EVALUATIONS: Final = Code("C0034375", "UMLS", "Qualitative Evaluations")
SUMMARY: Final = dcm("111017", "CAD Processing and Findings Summary")
ALL_WITHOUT_FINDINGS: Final = dcm("111241", "All algorithms succeeded; without findings")
ALL_WITH_FINDINGS: Final = dcm("111242", "All algorithms succeeded; with findings")
SOME_WITHOUT_FINDINGS: Final = dcm("111243", "Not all algorithms succeeded; without findings")
SOME_WITH_FINDINGS: Final = dcm("111244", "Not all algorithms succeeded; with findings")
NONE_WITHOUT_FINDINGS: Final = dcm("111245", "No algorithms succeeded; without findings")

# Purposes of reference
SOURCE_IMAGE: Final = dcm("121322", "Source image for image processing operation")
ACQUISITION_EQUIPMENT: Final = dcm("109101", "Acquisition Equipment")

# Units
PERCENT: Final = Code("%", "UCUM", "Percent")
PIXELS: Final = Code("{pixels}", "UCUM", "Pixels")

# CID 244, by the keywords that node.dicom.header gives
SIDES: Final[dict[str, Code]] = {
    "L": _sct("7771000", "Left"),
    "R": _sct("24028007", "Right"),
    "B": _sct("51440002", "Right and left"),
}

# CID 4014, likewise
VIEWS: Final[dict[str, Code]] = {term.keyword: _sct(term.sct, term.meaning) for term in views.VIEWS}

# CID 29, the modalities that mammograms come as
MODALITIES: Final[dict[str, Code]] = {
    "MG": dcm("MG", "Mammography"),
    "DX": dcm("DX", "Digital Radiography"),
    "CR": dcm("CR", "Computed Radiography"),
    "OT": dcm("OT", "Other"),
}
