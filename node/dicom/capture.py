"""What every Secondary Capture of ours has: how and when it was made, and its pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.dicom.result_header import dicom_date, dicom_time, local_moment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydicom import Dataset

    from node.dicom.findings import StudyResult

DISCLAIMER: Final = "AI result - not for diagnosis"

LOSSY: Final = (
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)
"""Once lossy, always lossy, whatever we store the pixels as."""


def add_capture(result: Dataset, study: StudyResult, header: Dataset) -> None:
    """Add the SC Equipment and SC Image modules (PS3.3 C.8.6.1, C.8.6.2)."""
    moment = local_moment(study.completed_at, header)
    result.ConversionType = "WSD"
    result.DateOfSecondaryCapture = dicom_date(moment)
    result.TimeOfSecondaryCapture = dicom_time(moment)
    result.SecondaryCaptureDeviceManufacturer = result.Manufacturer
    result.SecondaryCaptureDeviceManufacturerModelName = result.ManufacturerModelName
    result.SecondaryCaptureDeviceSoftwareVersions = result.SoftwareVersions
    result.ImageType = ["DERIVED", "SECONDARY"]
    result.RecognizableVisualFeatures = "NO"


def add_pixels(result: Dataset, picture: NDArray[np.uint8]) -> None:
    """Add the pixels of a (rows, columns, 3) RGB picture."""
    result.SamplesPerPixel = 3
    result.PhotometricInterpretation = "RGB"
    result.PlanarConfiguration = 0
    result.Rows, result.Columns = picture.shape[:2]
    result.BitsAllocated = 8
    result.BitsStored = 8
    result.HighBit = 7
    result.PixelRepresentation = 0
    pixels = picture.tobytes()
    result.add_new("PixelData", "OB", pixels + b"\0" * (len(pixels) % 2))
