"""What we accept on an association: storage SOP classes and transfer syntaxes.

Names and UIDs are those of PS3.6 Annex A; the transfer syntaxes are specified in
PS3.5 Annex A. Whether an accepted object is also analysed is decided by
``node.dicom.eligibility``; here stands only whether it ever can be.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from pydicom import uid

VERIFICATION: Final = "1.2.840.10008.1.1"
"""C-ECHO, PS3.4 Annex A."""


class Look(StrEnum):
    """Whether the detector may look at objects of a SOP class."""

    YES = "YES"
    IF_BREAST = "IF_BREAST"
    NEVER = "NEVER"


class StorageClass(NamedTuple):
    """One storage SOP class that the SCP accepts.

    ``source`` is the section of PS3.3 that defines the IOD. ``must_hold`` is the tag
    of the Type 1 attribute that comes late in the data set: an object that ends
    without it was cut short.
    """

    uid: str
    name: str
    look: Look
    source: str
    must_hold: int


class TransferSyntax(NamedTuple):
    """How an accepted data set may be encoded; ``source`` is where the standard says so."""

    uid: str
    name: str
    encapsulated: bool
    source: str


_PIXEL_DATA: Final = 0x7FE00010
_CONTENT_SEQUENCE: Final = 0x0040A730
_EVIDENCE_SEQUENCE: Final = 0x0040A375
_REFERENCED_SERIES: Final = 0x00081115

_STORAGE: Final = (
    (uid.DigitalMammographyXRayImageStorageForPresentation, Look.YES, "A.27", _PIXEL_DATA),
    (uid.DigitalMammographyXRayImageStorageForProcessing, Look.NEVER, "A.27", _PIXEL_DATA),
    (uid.DigitalXRayImageStorageForPresentation, Look.IF_BREAST, "A.26", _PIXEL_DATA),
    (uid.DigitalXRayImageStorageForProcessing, Look.NEVER, "A.26", _PIXEL_DATA),
    (uid.ComputedRadiographyImageStorage, Look.IF_BREAST, "A.2", _PIXEL_DATA),
    (uid.SecondaryCaptureImageStorage, Look.IF_BREAST, "A.8.1", _PIXEL_DATA),
    (
        uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
        Look.IF_BREAST,
        "A.8.3",
        _PIXEL_DATA,
    ),
    (
        uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        Look.IF_BREAST,
        "A.8.4",
        _PIXEL_DATA,
    ),
    (uid.BreastTomosynthesisImageStorage, Look.NEVER, "A.55", _PIXEL_DATA),
    (uid.BreastProjectionXRayImageStorageForPresentation, Look.NEVER, "A.74", _PIXEL_DATA),
    (uid.BreastProjectionXRayImageStorageForProcessing, Look.NEVER, "A.74", _PIXEL_DATA),
    (uid.MammographyCADSRStorage, Look.NEVER, "A.35.5", _CONTENT_SEQUENCE),
    (uid.KeyObjectSelectionDocumentStorage, Look.NEVER, "A.35.4", _EVIDENCE_SEQUENCE),
    (
        uid.GrayscaleSoftcopyPresentationStateStorage,
        Look.NEVER,
        "A.33.1",
        _REFERENCED_SERIES,
    ),
)

STORAGE_SOP_CLASSES: Final[dict[str, StorageClass]] = {
    str(sop_class): StorageClass(str(sop_class), sop_class.name, look, f"PS3.3 {source}", tag)
    for sop_class, look, source, tag in _STORAGE
}

FOR_PROCESSING: Final[frozenset[str]] = frozenset(
    {
        uid.DigitalMammographyXRayImageStorageForProcessing,
        uid.DigitalXRayImageStorageForProcessing,
        uid.BreastProjectionXRayImageStorageForProcessing,
    }
)
SECONDARY_CAPTURE: Final[frozenset[str]] = frozenset(
    {
        uid.SecondaryCaptureImageStorage,
        uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
        uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    }
)
TOMOSYNTHESIS: Final[frozenset[str]] = frozenset(
    {
        uid.BreastTomosynthesisImageStorage,
        uid.BreastProjectionXRayImageStorageForPresentation,
        uid.BreastProjectionXRayImageStorageForProcessing,
    }
)
IMAGES: Final[frozenset[str]] = frozenset(
    name for name, storage in STORAGE_SOP_CLASSES.items() if storage.must_hold == _PIXEL_DATA
)

_SYNTAXES: Final = (
    # UID, then whether encapsulated, and where it is specified
    (uid.ExplicitVRLittleEndian, False, "PS3.5 A.2"),
    (uid.ImplicitVRLittleEndian, False, "PS3.5 A.1"),
    (uid.DeflatedExplicitVRLittleEndian, False, "PS3.5 A.5"),
    (uid.ExplicitVRBigEndian, False, "PS3.5 A.3 (retired)"),
    (uid.RLELossless, True, "PS3.5 A.4.2"),
    (uid.JPEGLosslessSV1, True, "PS3.5 A.4.1"),
    (uid.JPEGLossless, True, "PS3.5 A.4.1"),
    (uid.JPEGLSLossless, True, "PS3.5 A.4.3"),
    (uid.JPEG2000Lossless, True, "PS3.5 A.4.4"),
    (uid.HTJ2KLossless, True, "PS3.6 Table A-1"),
    (uid.HTJ2KLosslessRPCL, True, "PS3.6 Table A-1"),
    (uid.JPEGBaseline8Bit, True, "PS3.5 A.4.1"),
    (uid.JPEGExtended12Bit, True, "PS3.5 A.4.1"),
    (uid.JPEGLSNearLossless, True, "PS3.5 A.4.3"),
    (uid.JPEG2000, True, "PS3.5 A.4.4"),
    (uid.HTJ2K, True, "PS3.6 Table A-1"),
)

TRANSFER_SYNTAXES: Final[dict[str, TransferSyntax]] = {
    str(syntax): TransferSyntax(str(syntax), syntax.name, encapsulated, source)
    for syntax, encapsulated, source in _SYNTAXES
}
