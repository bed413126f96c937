"""Secondary Captures: digitised films are mammograms, pictures of images are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.dicom import header as read
from node.dicom import sop_classes
from node.dicom.plain_text import shown

if TYPE_CHECKING:
    from pydicom import Dataset


def picture(header: Dataset) -> str | None:
    """Look for what a workstation or another algorithm made, whatever Modality it has."""
    is_capture = read.text(header, "SOPClassUID") in sop_classes.SECONDARY_CAPTURE
    if not is_capture or _is_scanned_film(header):
        return None
    # Films come from workstations too (WSD); so do other vendors' overlays, which say
    # from which image they were made or are in colour.
    photometric = read.text(header, "PhotometricInterpretation")
    if (
        read.items(header, "SourceImageSequence")
        or "DERIVED" in read.texts(header, "ImageType")[:1]
        or (photometric and not photometric.startswith("MONOCHROME"))
    ):
        return "a picture made from another image"
    conversion = read.text(header, "ConversionType")
    if conversion and read.text(header, "Modality") != "MG":
        return f"Conversion Type {shown(conversion)}"
    return None


def not_film(header: Dataset) -> str | None:
    """Look for what does not say that it is a film, nor that it is anything else."""
    is_capture = read.text(header, "SOPClassUID") in sop_classes.SECONDARY_CAPTURE
    if not is_capture or _is_scanned_film(header) or read.text(header, "Modality") == "MG":
        return None
    return f"Conversion Type {shown(read.text(header, 'ConversionType'))}"


def _is_scanned_film(header: Dataset) -> bool:
    return read.text(header, "ConversionType") in ("DF", "SI")
