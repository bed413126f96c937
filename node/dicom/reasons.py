"""Why an image was not analysed, and what to know of one that was, in named words.

The keywords go into the database and the audit log, the texts into the reports.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Self


class _Worded(StrEnum):
    """A keyword with a sentence for the reader of a report."""

    text: str

    def __new__(cls, keyword: str, text: str) -> Self:
        """Make a member whose value is its keyword."""
        member = str.__new__(cls, keyword)
        member._value_ = keyword
        member.text = text
        return member


class Reason(_Worded):
    """Why an image was not analysed; ``text`` says it to a reader of the report."""

    OWN_OBJECT = "OWN_OBJECT", "The object was made by this node, or by one of its kind."
    NOT_AN_ANALYSED_CLASS = (
        "NOT_AN_ANALYSED_CLASS",
        "Objects of this SOP class are stored and not analysed.",
    )
    PICTURE = "PICTURE", "The Secondary Capture is a picture of an image, no mammogram."
    TOMOSYNTHESIS = "TOMOSYNTHESIS", "Tomosynthesis and projection images are not analysed."
    NOT_BREAST = "NOT_BREAST", "The header does not say that the image shows a breast."
    NOT_DIGITISED_FILM = (
        "NOT_DIGITISED_FILM",
        "The Secondary Capture is not a digitised mammography film.",
    )
    MULTI_FRAME = "MULTI_FRAME", "Images of several frames are not analysed."
    FOR_PROCESSING = (
        "FOR_PROCESSING",
        "Raw images (FOR PROCESSING) are not analysed; their presentation twins are.",
    )
    STEREOTACTIC = "STEREOTACTIC", "Stereotactic and biopsy images are not analysed."
    GENERATED_2D = "GENERATED_2D", "Synthesised 2D images are not analysed."
    CONTRAST_ENHANCED = (
        "CONTRAST_ENHANCED",
        "High-energy and subtraction images of contrast mammography are not analysed.",
    )
    MAGNIFICATION = "MAGNIFICATION", "Magnification views are not analysed."
    SPOT_COMPRESSION = "SPOT_COMPRESSION", "Spot compression views are not analysed."
    SMALL_FIELD = "SMALL_FIELD", "The field of view is too small for a whole breast."
    SPECIMEN = "SPECIMEN", "Specimen radiographs are not analysed."
    QUALITY_CONTROL = "QUALITY_CONTROL", "Quality control and phantom images are not analysed."
    PHOTOMETRIC = "PHOTOMETRIC", "The photometric interpretation is not greyscale or true colour."
    IMAGE_SIZE = "IMAGE_SIZE", "Rows or Columns are absent or out of range."
    BIT_DEPTH = "BIT_DEPTH", "The pixels are not integers of 8 to 16 bits."
    MISSING_IDENTITY = (
        "MISSING_IDENTITY",
        "Patient ID or one of the study, series and instance UIDs is missing.",
    )
    UNREADABLE_PIXELS = "UNREADABLE_PIXELS", "The pixel data cannot be decoded."
    DECODER_CRASHED = "DECODER_CRASHED", "The decoder crashed on the pixel data."
    DECODER_MEMORY = (
        "DECODER_MEMORY",
        "Decoding the pixel data needs more memory than one image may have.",
    )
    DECODER_TIME = "DECODER_TIME", "Decoding the pixel data takes longer than one image may."
    UNREADABLE_HEADER = (
        "UNREADABLE_HEADER",
        "The header is malformed: nothing of the image is reported, whatever was found on it.",
    )
    SET_ASIDE = "SET_ASIDE", "A person set the image aside; reports leave it out."


STORED_ONLY: Final = frozenset({Reason.OWN_OBJECT, Reason.NOT_AN_ANALYSED_CLASS, Reason.PICTURE})
"""Objects that the SCP rejects as it records them: they never need a report."""

NEVER_REPORTED: Final = STORED_ONLY | {Reason.SET_ASIDE}
"""A report neither counts nor names what was rejected for one of these."""


CUT_SHORT: Final = frozenset({Reason.DECODER_CRASHED, Reason.DECODER_MEMORY, Reason.DECODER_TIME})
"""Decoding ended at a limit or in a crash: higher limits or another decoder may get further."""


class Refusal(_Worded):
    """Why an image was not taken by C-STORE."""

    NO_RESOURCES = (
        "NO_RESOURCES",
        "The node had no space or no database, and it was not sent again.",
    )
    CONTRADICTION = "CONTRADICTION", "The data set contradicts what its sender announced."
    DAMAGED = "DAMAGED", "The data set came incomplete or damaged."
    NODE_FAULT = "NODE_FAULT", "The node failed on it, and it was not sent again."
    REFUSED = "REFUSED", "The node's log says why."


class Note(_Worded):
    """What a reader should know of an image that was analysed."""

    COLOUR = "COLOUR", "Colour film scan, converted to grey."
    NO_LATERALITY = "NO_LATERALITY", "The header names no single side."
    NO_VIEW = "NO_VIEW", "The header names no view."
    UNUSUAL_VIEW = "UNUSUAL_VIEW", "The view is neither cranio-caudal nor medio-lateral oblique."
    IMPLANT = "IMPLANT", "The breast has an implant."
    IMPLANT_DISPLACED = "IMPLANT_DISPLACED", "Implant-displaced view."
    PARTIAL_VIEW = "PARTIAL_VIEW", "The image shows a part of the breast."
    LOSSY = "LOSSY", "The image was compressed with loss."
    SHAPE_CONFLICT = (
        "SHAPE_CONFLICT",
        "Presentation LUT Shape contradicts Photometric Interpretation, which was honoured.",
    )
    NO_VOI = "NO_VOI", "No window in the header; the grey scale comes from the image's percentiles."
