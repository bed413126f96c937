"""Which images the detector looks at: one ordered table of named rules.

The first rule that holds refuses the image, and its reason goes into the database and
into the report; the notes of an image that runs go there too. Nothing of a detail or a
note identifies the patient: a detail names attributes and shows a value only when it
looks like a code, whatever the sender put there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from node.dicom import captures, sop_classes, views
from node.dicom import header as read
from node.dicom.plain_text import shown
from node.dicom.reasons import Note, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydicom import Dataset

__all__ = ["NOTES", "RULES", "Eligibility", "Note", "Reason", "Rule", "check"]

OWN_DEVICE: Final = ("mgnode", "mgnode")
"""Manufacturer and Manufacturer's Model Name that the node's objects carry by default; the
model name is every node's."""
LARGEST_MAGNIFICATION: Final = 1.2
"""Estimated Radiographic Magnification Factor (0018,1114) of a contact view is 1.0 to 1.1."""
SMALLEST_FIELD_MM: Final = 120.0
"""A whole breast needs 180 mm; spot and stereotactic fields are 50 to 100 mm."""
BITS_STORED: Final = range(8, 17)
SMALLEST_SIDE: Final = 64
"""Pixels; below this nothing is left to see."""
LARGEST_SIDE: Final = 30_000
"""Pixels; the finest film scanners give 12 000."""
GREYSCALE: Final = frozenset({"MONOCHROME1", "MONOCHROME2"})
COLOUR: Final = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})


class Eligibility(NamedTuple):
    """What was decided: ``reason`` is None when the detector may look."""

    reason: Reason | None
    detail: str
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """Refuse with ``reason`` when ``found`` gives a detail, pass when it gives None."""

    reason: Reason
    found: Callable[[Dataset], str | None]


def check(header: Dataset) -> Eligibility:
    """Try the rules in order and collect the notes.

    Parameters
    ----------
    header : Dataset
        With or without Pixel Data.
    """
    for rule in RULES:
        detail = rule.found(header)
        if detail is not None:
            return Eligibility(rule.reason, detail, ())
    return Eligibility(None, "", tuple(note for note, holds in NOTES if holds(header)))


def _own_object(header: Dataset) -> str | None:
    """Know what a node of this kind has made, here or elsewhere, and came back.

    The model name alone: profiles may show another manufacturer.
    """
    for keyword in ("ManufacturerModelName", "SecondaryCaptureDeviceManufacturerModelName"):
        if read.text(header, keyword).lower() == OWN_DEVICE[1]:
            return f"{keyword} is this node's"
    return None


def _class_never_analysed(header: Dataset) -> str | None:
    uid = read.text(header, "SOPClassUID")
    known = sop_classes.STORAGE_SOP_CLASSES.get(uid)
    # Tomosynthesis and raw images have reasons of their own below.
    if known is not None and (
        known.look is not sop_classes.Look.NEVER
        or uid in sop_classes.TOMOSYNTHESIS | sop_classes.FOR_PROCESSING
    ):
        return None
    return f"SOP Class UID {shown(uid)}"


def _tomosynthesis(header: Dataset) -> str | None:
    uid = read.text(header, "SOPClassUID")
    return f"SOP Class UID {shown(uid)}" if uid in sop_classes.TOMOSYNTHESIS else None


def _not_breast(header: Dataset) -> str | None:
    if (
        read.text(header, "Modality") == "MG"
        or read.text(header, "BodyPartExamined").upper() == "BREAST"
        or read.has_code(header, "AnatomicRegionSequence", views.BREAST)
    ):
        return None
    return f"Modality {shown(read.text(header, 'Modality'))}, no breast named"


def _multi_frame(header: Dataset) -> str | None:
    frames = read.text(header, "NumberOfFrames")
    return None if frames in ("", "1") else "Number of Frames is not 1"


def _for_processing(header: Dataset) -> str | None:
    intent = read.text(header, "PresentationIntentType")
    raw_class = read.text(header, "SOPClassUID") in sop_classes.FOR_PROCESSING
    if raw_class or intent == "FOR PROCESSING":
        return f"Presentation Intent Type {shown(intent)}"
    return None


def _image_type(*prefixes: str) -> Callable[[Dataset], str | None]:
    """Look for terms of Image Type (0008,0008) behind value 2 (PS3.3 C.8.11.7.1.4)."""

    def found(header: Dataset) -> str | None:
        terms = read.texts(header, "ImageType")[2:]
        named = [term for term in terms if term.upper().startswith(prefixes)]
        return f"Image Type {shown(named[0])}" if named else None

    return found


def _magnified(header: Dataset) -> str | None:
    if "MAGNIFICATION" in read.modifiers(header):
        return "view modifier"
    factor = read.number(header, "EstimatedRadiographicMagnificationFactor")
    if factor is not None and factor > LARGEST_MAGNIFICATION:
        return f"Estimated Radiographic Magnification Factor {factor:g}"
    return None


def _spot(header: Dataset) -> str | None:
    return "view modifier" if "SPOT" in read.modifiers(header) else None


def _small_field(header: Dataset) -> str | None:
    sides = read.numbers(header, "FieldOfViewDimensions")
    if sides and 0 < min(sides) < SMALLEST_FIELD_MM:
        return f"Field of View Dimension(s) {min(sides):g} mm"
    return None


def _specimen(header: Dataset) -> str | None:
    if read.view_of(header) == "SPECIMEN":
        return "view code"
    if _image_type("SPECIMEN")(header):
        return "Image Type"
    for sequence in ("ProcedureCodeSequence", "PerformedProtocolCodeSequence"):
        for item in read.items(header, sequence):
            if "specimen" in read.text(item, "CodeMeaning").lower():
                return "procedure code"
    return None


def _quality_control(header: Dataset) -> str | None:
    if read.text(header, "QualityControlImage") in ("YES", "BOTH"):
        return "Quality Control Image"
    if read.text(header, "BodyPartExamined").upper() == "PHANTOM":
        return "Body Part Examined"
    if "PHANTOM" in read.text(header, "PatientID").upper():
        return "Patient ID names a phantom"
    return None


def _photometric(header: Dataset) -> str | None:
    photometric = read.text(header, "PhotometricInterpretation")
    samples = read.short(header, "SamplesPerPixel")
    if (photometric in GREYSCALE and samples == 1) or (photometric in COLOUR and samples == 3):
        return None
    return f"Photometric Interpretation {shown(photometric)}, Samples per Pixel {samples}"


def _image_size(header: Dataset) -> str | None:
    rows, columns = read.short(header, "Rows") or 0, read.short(header, "Columns") or 0
    if all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in (rows, columns)):
        return None
    return f"Rows {rows}, Columns {columns}"


def _bit_depth(header: Dataset) -> str | None:
    allocated = read.short(header, "BitsAllocated")
    stored = read.short(header, "BitsStored") or 0
    high = read.short(header, "HighBit")
    if (
        allocated in (8, 16)
        and stored in BITS_STORED
        and stored <= allocated
        and (high is None or stored - 1 <= high < allocated)
    ):
        return None
    return f"Bits Allocated {allocated}, Bits Stored {stored}, High Bit {high}"


def _missing_identity(header: Dataset) -> str | None:
    uids = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    missing = [] if read.text(header, "PatientID") else ["PatientID"]
    missing += [keyword for keyword in uids if not read.uid(header, keyword)]
    return f"missing {', '.join(missing)}" if missing else None


RULES: Final[tuple[Rule, ...]] = (
    Rule(Reason.OWN_OBJECT, _own_object),
    Rule(Reason.NOT_AN_ANALYSED_CLASS, _class_never_analysed),
    Rule(Reason.PICTURE, captures.picture),
    Rule(Reason.TOMOSYNTHESIS, _tomosynthesis),
    Rule(Reason.NOT_BREAST, _not_breast),
    Rule(Reason.NOT_DIGITISED_FILM, captures.not_film),
    Rule(Reason.MULTI_FRAME, _multi_frame),
    Rule(Reason.FOR_PROCESSING, _for_processing),
    Rule(Reason.STEREOTACTIC, _image_type("STEREO_", "PREFIRE_", "POSTFIRE_")),
    Rule(Reason.GENERATED_2D, _image_type("GENERATED_2D")),
    Rule(Reason.CONTRAST_ENHANCED, _image_type("SUBTRACTION", "ADDITION", "HIGH_ENERGY")),
    Rule(Reason.MAGNIFICATION, _magnified),
    Rule(Reason.SPOT_COMPRESSION, _spot),
    Rule(Reason.SMALL_FIELD, _small_field),
    Rule(Reason.SPECIMEN, _specimen),
    Rule(Reason.QUALITY_CONTROL, _quality_control),
    Rule(Reason.PHOTOMETRIC, _photometric),
    Rule(Reason.IMAGE_SIZE, _image_size),
    Rule(Reason.BIT_DEPTH, _bit_depth),
    Rule(Reason.MISSING_IDENTITY, _missing_identity),
)


def _no_side(header: Dataset) -> bool:
    return read.laterality(header) not in ("L", "R")


def _unusual_view(header: Dataset) -> bool:
    return read.view_of(header) not in ("", "CC", "MLO")


def _implant(header: Dataset) -> bool:
    return read.text(header, "BreastImplantPresent") == "YES"


def _lossy(header: Dataset) -> bool:
    return read.text(header, "LossyImageCompression") == "01"


def _shape_conflict(header: Dataset) -> bool:
    # DX Image Module (PS3.3 C.8.11.3): INVERSE goes with MONOCHROME1, IDENTITY with MONOCHROME2.
    expected = {"MONOCHROME1": "INVERSE", "MONOCHROME2": "IDENTITY"}
    shape = read.text(header, "PresentationLUTShape")
    photometric = read.text(header, "PhotometricInterpretation")
    return bool(shape) and shape != expected.get(photometric, shape)


def _no_voi(header: Dataset) -> bool:
    in_colour = read.text(header, "PhotometricInterpretation") in COLOUR
    has_window = bool(read.numbers(header, "WindowCenter") and read.numbers(header, "WindowWidth"))
    return not (in_colour or has_window or read.items(header, "VOILUTSequence"))


NOTES: Final[tuple[tuple[Note, Callable[[Dataset], bool]], ...]] = (
    (Note.COLOUR, lambda header: read.text(header, "PhotometricInterpretation") in COLOUR),
    (Note.NO_LATERALITY, _no_side),
    (Note.NO_VIEW, lambda header: not read.view_of(header)),
    (Note.UNUSUAL_VIEW, _unusual_view),
    (Note.IMPLANT, _implant),
    (Note.IMPLANT_DISPLACED, lambda header: "IMPLANT_DISPLACED" in read.modifiers(header)),
    (Note.PARTIAL_VIEW, lambda header: read.text(header, "PartialView") == "YES"),
    (Note.LOSSY, _lossy),
    (Note.SHAPE_CONFLICT, _shape_conflict),
    (Note.NO_VOI, _no_voi),
)
