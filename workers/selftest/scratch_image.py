"""A small mammogram that never was, as a file that a modality would send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from pydicom import Dataset
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation

from node.dicom.part10 import encode, to_bytes

if TYPE_CHECKING:
    from pathlib import Path

ROWS: Final = 96
COLUMNS: Final = 80
SOP_CLASS: Final = str(DigitalMammographyXRayImageStorageForPresentation)
STUDY: Final = "2.25.5100"
SOP_INSTANCE: Final = "2.25.5101"


def write_image(path: Path) -> bytes:
    """Write the image, without a patient; give its data set as it crosses the network."""
    image = mammogram()
    path.write_bytes(to_bytes(image))
    return encode(image)


def mammogram() -> Dataset:
    """Make a Digital Mammography image, For Presentation: RCC, 12 bits, one bright disc."""
    image = Dataset()
    image.SpecificCharacterSet = "ISO_IR 100"
    image.SOPClassUID = SOP_CLASS
    image.SOPInstanceUID = SOP_INSTANCE
    image.StudyInstanceUID = STUDY
    image.SeriesInstanceUID = "2.25.5102"
    image.PatientName = ""
    image.PatientID = "SELFTEST"
    image.PatientBirthDate = ""
    image.PatientSex = ""
    image.StudyDate = image.SeriesDate = image.ContentDate = image.AcquisitionDate = "20240102"
    image.StudyTime = image.SeriesTime = image.ContentTime = image.AcquisitionTime = "101112"
    image.StudyID = "1"
    image.AccessionNumber = ""
    image.ReferringPhysicianName = ""
    image.Modality = "MG"
    image.PresentationIntentType = "FOR PRESENTATION"
    image.Manufacturer = "Self-test"
    image.SeriesNumber = image.InstanceNumber = 1
    image.ImageType = ["ORIGINAL", "PRIMARY", ""]
    image.ImageLaterality = "R"
    image.PatientOrientation = ["P", "L"]
    image.BodyPartExamined = image.OrganExposed = "BREAST"
    image.PositionerType = "MAMMOGRAPHIC"
    image.AnatomicRegionSequence = [_code("76752008", "Breast")]
    view = _code("399162004", "cranio-caudal")
    view.ViewModifierCodeSequence = []
    image.ViewCodeSequence = [view]
    image.AcquisitionContextSequence = []
    image.BurnedInAnnotation = "NO"
    image.LossyImageCompression = "00"
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows, image.Columns = ROWS, COLUMNS
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
    image.PixelRepresentation = 0
    image.PixelIntensityRelationship = "LOG"
    image.PixelIntensityRelationshipSign = -1
    image.RescaleIntercept, image.RescaleSlope, image.RescaleType = "0", "1", "US"
    image.PresentationLUTShape = "IDENTITY"
    image.WindowCenter, image.WindowWidth = "2048", "4096"
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    disc = (x - 30) ** 2 + (y - 45) ** 2 < 100
    image.add_new("PixelData", "OW", np.where(disc, 3000, 500).astype("<u2").tobytes())
    return image


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return item
