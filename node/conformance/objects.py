"""What is said of created and received objects in words, beside the tables that are read off."""

from __future__ import annotations

from typing import Final

from pydicom.charset import python_encoding

from config.profiles import CadSrOptions
from node.conformance.markdown import table
from node.dicom.cad_codes import Vocabulary

TITLES: Final = {
    "cad_sr": "Mammography CAD SR",
    "measurement_report": "Comprehensive SR (Comprehensive 3D SR by setting)",
    "overlay": "Secondary Capture: overlay",
    "summary_overlay": "Secondary Capture: summary of a study",
    "presentation_state": "Grayscale Softcopy Presentation State",
    "key_objects": "Key Object Selection",
}

TEMPLATES: Final = {
    "cad_sr": (
        "Content: TID 4000 Mammography CAD Document Root, in the graded form with both ways to "
        "state a score; each row once. Selected Region Description stands where "
        '`finding_code = "selected_region"`.'
    ),
    "measurement_report": (
        "Content: TID 1500 Measurement Report with TID 1410 Planar ROI Measurements; each row once."
    ),
    "key_objects": "Content: TID 2010 Key Object Selection; each row once.",
}

USED_ATTRIBUTES: Final = (
    ("SOP Class, SOP Instance, Study and Series Instance UID", "identity of the object"),
    ("Specific Character Set, Timezone Offset From UTC", "reading and copying texts and times"),
    ("Patient, General Study and Patient Study modules", "copied into results"),
    (
        "Patient ID, its issuer, name, birth date, sex, Accession Number",
        "images of one study must agree about them (`results.identity_conflict`)",
    ),
    ("Request Attributes Sequence", "Referenced Request Sequence of reports"),
    (
        (
            "Modality, Body Part Examined, Anatomic Region Sequence, Presentation Intent Type, "
            "Image Type, Number of Frames, Quality Control Image, Estimated Radiographic "
            "Magnification Factor, Field of View Dimension(s), Procedure Code Sequence, Performed "
            "Protocol Code Sequence, Conversion Type"
        ),
        "whether the image is one to analyse",
    ),
    (
        (
            "Image Laterality, Laterality, Frame Laterality, View Code Sequence with its "
            "modifiers, View Position, Breast Implant Present, Partial View"
        ),
        "side and view; the four standard views complete a study",
    ),
    (
        (
            "Rows, Columns, Samples per Pixel, Photometric Interpretation, Bits Allocated, Bits "
            "Stored, High Bit, Pixel Representation, Pixel Padding Value and Range Limit, Modality "
            "LUT, Rescale Slope and Intercept, VOI LUT, Window Center and Width, VOI LUT Function"
        ),
        "the grey values that the detector sees",
    ),
    ("Pixel Spacing, Imager Pixel Spacing, Patient Orientation", "geometry of results"),
    ("Manufacturer, Manufacturer's Model Name", "Contributing Equipment Sequence; own objects"),
    ("Lossy Image Compression", "repeated in overlays; said in reports"),
)

_REPERTOIRES: Final = {
    "ISO 646": ("", "ISO_IR 6", "ISO 2022 IR 6"),
    "Latin 1": ("ISO_IR 100", "ISO 2022 IR 100"),
    "Latin 2": ("ISO_IR 101", "ISO 2022 IR 101"),
    "Latin 3": ("ISO_IR 109", "ISO 2022 IR 109"),
    "Latin 4": ("ISO_IR 110", "ISO 2022 IR 110"),
    "Latin 5 (Turkish)": ("ISO_IR 148", "ISO 2022 IR 148"),
    "Cyrillic": ("ISO_IR 144", "ISO 2022 IR 144"),
    "Arabic": ("ISO_IR 127", "ISO 2022 IR 127"),
    "Greek": ("ISO_IR 126", "ISO 2022 IR 126"),
    "Hebrew": ("ISO_IR 138", "ISO 2022 IR 138"),
    "Thai": ("ISO_IR 166", "ISO 2022 IR 166"),
    "Japanese": ("ISO_IR 13", "ISO 2022 IR 13", "ISO 2022 IR 87", "ISO 2022 IR 159"),
    "Korean": ("ISO 2022 IR 149",),
    "Chinese": ("ISO 2022 IR 58", "GB18030", "GBK"),
    "Unicode in UTF-8": ("ISO_IR 192",),
}


def character_sets() -> str:
    """Write the character sets that the node can read; an unknown one is a KeyError."""
    rows = [
        (repertoire, ", ".join(term or "none (the default)" for term in terms if _known(term)))
        for repertoire, terms in _REPERTOIRES.items()
    ]
    return table(["repertoire", "Specific Character Set"], rows)


def _known(term: str) -> str:
    return python_encoding[term]


def coded_terminology() -> str:
    """Write which templates and context groups are used, and how one is extended."""
    rows = [
        (option, f'({code.value}, {code.scheme}, "{code.meaning}")', standing)
        for option, standing in (
            ("lesion", "an extension of CID 6014, which is extensible: type unknown"),
            ("density", "in CID 6014"),
            ("selected_region", "in CID 6014; no Probability of cancer with it"),
        )
        for code in [Vocabulary(CadSrOptions.model_validate({"finding_code": option})).finding]
    ]
    return f"""## 8.3 Coded terminology and templates

Templates: TID 4000 and those below it (4001, 4002, 4003, 4006, 4015, 4017, 4019, 4020, 4021,
4108), TID 1500 and those below it (1001, 1002, 1004, 1410, 1600, 4019), TID 2010. None is
extended and none is private.

Context groups: CID 6014 for the type of a Single Image Finding and of Detection Performed (setting
`cad_sr.finding_code`), CID 6034, 6042, 6047, 4014, 4015, 6022, 244, 29:

{table(["finding_code", "code", "in CID 6014"], rows)}
Codes of SNOMED CT (SCT), or of SNOMED-RT (SRT) in a CAD SR with `cad_sr.codes = "SRT"`; DCM; UCUM
for units."""
