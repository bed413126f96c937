"""Complete synthetic mammograms, made in one call and clean under dciodvfy.

The default picture is small, odd and not square on purpose: a square image
hides a swapped axis.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

JAPANESE_NAME: Final = "Yamada^Hanako=山田^花子=やまだ^はなこ"
JAPANESE_CHARACTER_SET: Final = ["", "ISO 2022 IR 87"]

ROWS: Final = 331
COLUMNS: Final = 257
BITS_STORED: Final = 12
WINDOW_CENTER: Final = 2048.0
WINDOW_WIDTH: Final = 4096.0

IMPLEMENTATION_UID: Final = "2.25.233158041570612951190331447023312563419"

# (code value, scheme, meaning), CID 4014
VIEW_CODES: Final = {
    "CC": ("399162004", "SCT", "cranio-caudal"),
    "MLO": ("399368009", "SCT", "medio-lateral oblique"),
    "ML": ("399260004", "SCT", "medio-lateral"),
    "LM": ("399352003", "SCT", "latero-medial"),
    "XCCL": ("399192008", "SCT", "cranio-caudal exaggerated laterally"),
}
BREAST: Final = ("76752008", "SCT", "Breast")
POSITIONER_ANGLES: Final = {"CC": "0", "MLO": "45", "ML": "90", "LM": "-90", "XCCL": "0"}


def stable_uid(*key: str) -> str:
    """Give the same 2.25 UID for the same key, so that a test can name its objects."""
    digest = hashlib.sha256("/".join(key).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


def coded(value: str, scheme: str, meaning: str) -> Dataset:
    """Build one item of a code sequence."""
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item


def phantom(
    *, rows: int = ROWS, columns: int = COLUMNS, laterality: str = "L", bits: int = BITS_STORED
) -> NDArray[np.uint16]:
    """Draw a smooth half-ellipse breast with one bright disc, air = 0.

    The chest wall is on the left of a left breast's picture and on the right of a
    right breast's; the disc's centre is at (0.35 columns from the wall, 0.4 rows).
    """
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float64)
    y = (y + 0.5) / rows
    x = (x + 0.5) / columns
    if laterality == "R":
        x = 1.0 - x
    depth = 1.0 - (x / 0.85) ** 2 - ((y - 0.5) / 0.45) ** 2
    breast = np.clip(depth, 0.0, None) ** 0.5
    texture = 0.08 * np.sin(23.0 * x + 5.0) * np.sin(31.0 * y + 2.0)
    distance2 = ((x - 0.35) * columns) ** 2 + ((y - 0.4) * rows) ** 2
    disc = 0.3 * np.exp(-distance2 / (0.05 * rows) ** 2)
    grey = np.where(breast > 0, 0.15 + 0.45 * breast + texture * breast + disc, 0.0)
    return np.round(np.clip(grey, 0.0, 1.0) * (2**bits - 1)).astype(np.uint16)


def make_mammogram(
    *,
    view: str = "CC",
    laterality: str = "L",
    rows: int = ROWS,
    columns: int = COLUMNS,
    photometric: str = "MONOCHROME2",
    patient_name: str = "Example^Anna",
    patient_id: str = "MG-0001",
    specific_character_set: str | list[str] | None = "ISO_IR 100",
    study_instance_uid: str | None = None,
    series_instance_uid: str | None = None,
    sop_instance_uid: str | None = None,
    transfer_syntax: str = ExplicitVRLittleEndian,
    pixels: NDArray[np.uint16] | None = None,
    **attributes: Any,
) -> FileDataset:
    """Make a Digital Mammography For Presentation image with file meta and pixels.

    Parameters
    ----------
    view, laterality : str
        A key of ``VIEW_CODES``; ``"L"`` or ``"R"``. Both also enter the default UIDs.
    rows, columns : int
        Of the phantom; ignored when ``pixels`` is given.
    transfer_syntax : str
        Written to the file meta. The pixels stay native: a test that wants a
        compressed image compresses it.
    pixels : NDArray[np.uint16], optional
        (rows, columns) stored values of 12 bits instead of the phantom.
    **attributes
        DICOM keywords that are set last; ``None`` deletes the attribute.
    """
    if pixels is None:
        pixels = phantom(rows=rows, columns=columns, laterality=laterality)
        if photometric == "MONOCHROME1":
            pixels = (2**BITS_STORED - 1 - pixels).astype(np.uint16)
    rows, columns = pixels.shape
    study = study_instance_uid or stable_uid("study", patient_id)
    series = series_instance_uid or stable_uid("series", study, laterality, view)
    instance = sop_instance_uid or stable_uid("instance", series)

    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength = 0  # pydicom puts the right one when it writes
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = instance
    meta.TransferSyntaxUID = transfer_syntax
    meta.ImplementationClassUID = IMPLEMENTATION_UID

    image = FileDataset(None, {}, preamble=b"\0" * 128, file_meta=meta)
    image.set_original_encoding(
        transfer_syntax == ImplicitVRLittleEndian, transfer_syntax != ExplicitVRBigEndian
    )
    if specific_character_set is not None:
        image.SpecificCharacterSet = specific_character_set
    image.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    image.SOPInstanceUID = instance
    image.ImageType = ["ORIGINAL", "PRIMARY", ""]
    _add_patient_and_study(image, patient_name, patient_id, study)
    _add_series(image, series, laterality, view)
    _add_acquisition(image, laterality, view)
    _add_pixels(image, pixels, photometric)
    for keyword, value in attributes.items():
        if value is not None:
            setattr(image, keyword, value)
        elif keyword in image:
            delattr(image, keyword)
    image.file_meta.MediaStorageSOPClassUID = image.get("SOPClassUID", "")
    image.file_meta.MediaStorageSOPInstanceUID = image.get("SOPInstanceUID", "")
    return image


def with_frame(syntax: str, frame: bytes, **attributes: Any) -> FileDataset:
    """Make a mammogram whose pixels are one encapsulated frame, whatever that is."""
    image = make_mammogram(transfer_syntax=syntax, **attributes)
    image.add_new("PixelData", "OB", encapsulate([frame]))
    return image


def four_view_study(**common: Any) -> list[FileDataset]:
    """Make RCC, LCC, RMLO, LMLO of one study; ``common`` goes to each of them."""
    return [
        make_mammogram(view=view, laterality=side, **{"InstanceNumber": number, **common})
        for number, (view, side) in enumerate(
            [("CC", "R"), ("CC", "L"), ("MLO", "R"), ("MLO", "L")], start=1
        )
    ]


def save_to_folder(images: list[FileDataset], folder: Path) -> list[Path]:
    """Write each image as a Part 10 file named by its SOP Instance UID."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for image in images:
        path = folder / f"{image.SOPInstanceUID}.dcm"
        image.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _add_patient_and_study(image: Dataset, name: str, patient_id: str, study: str) -> None:
    image.PatientName = name
    image.PatientID = patient_id
    image.PatientBirthDate = "19610203"
    image.PatientSex = "F"
    image.PatientAge = "063Y"
    image.StudyInstanceUID = study
    image.StudyID = "1"
    image.StudyDate = "20240305"
    image.StudyTime = "091500"
    image.AccessionNumber = "A000017"
    image.ReferringPhysicianName = "Referrer^Ruth"
    image.StudyDescription = "Screening mammography"


def _add_series(image: Dataset, series: str, laterality: str, view: str) -> None:
    image.SeriesInstanceUID = series
    image.SeriesNumber = 1
    image.SeriesDate = "20240305"
    image.SeriesTime = "091600"
    image.SeriesDescription = f"{laterality} {view}"
    image.Modality = "MG"
    image.PresentationIntentType = "FOR PRESENTATION"
    request = Dataset()
    request.RequestedProcedureID = "RP1"
    request.ScheduledProcedureStepID = "SPS1"
    image.RequestAttributesSequence = [request]
    image.Manufacturer = "Phantom Works"
    image.ManufacturerModelName = "Halfellipse"
    image.DeviceSerialNumber = "1"
    image.SoftwareVersions = "1.0"
    image.InstitutionName = "Example Clinic"


def _add_acquisition(image: Dataset, laterality: str, view: str) -> None:
    image.InstanceNumber = 1
    image.ContentDate = "20240305"
    image.ContentTime = "091700"
    image.AcquisitionDate = "20240305"
    image.AcquisitionTime = "091700"
    # Chest wall on the left of a left breast's picture, lateral side up in a CC.
    image.PatientOrientation = {
        ("L", True): ["A", "R"],
        ("L", False): ["A", "FR"],
        ("R", True): ["P", "L"],
        ("R", False): ["P", "FL"],
    }[laterality, view in ("CC", "XCCL")]
    image.BurnedInAnnotation = "NO"
    image.LossyImageCompression = "00"
    image.ImageLaterality = laterality
    image.OrganExposed = "BREAST"
    image.BodyPartExamined = "BREAST"
    image.AnatomicRegionSequence = [coded(*BREAST)]
    if view in VIEW_CODES:
        view_code = coded(*VIEW_CODES[view])
        view_code.ViewModifierCodeSequence = []
        image.ViewCodeSequence = [view_code]
    image.AcquisitionContextSequence = []
    image.PositionerType = "MAMMOGRAPHIC"
    image.PositionerPrimaryAngle = POSITIONER_ANGLES.get(view, "0")
    image.BreastImplantPresent = "NO"
    image.KVP = "28"
    image.DetectorType = "DIRECT"
    image.ImagerPixelSpacing = [0.07, 0.07]
    image.EstimatedRadiographicMagnificationFactor = "1.05"
    image.FieldOfViewOrigin = [0, 0]
    image.FieldOfViewRotation = "0"
    image.FieldOfViewHorizontalFlip = "NO"


def _add_pixels(image: FileDataset, pixels: NDArray[np.uint16], photometric: str) -> None:
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = photometric
    image.Rows, image.Columns = pixels.shape
    image.BitsAllocated = 16
    image.BitsStored = BITS_STORED
    image.HighBit = BITS_STORED - 1
    image.PixelRepresentation = 0
    image.PixelIntensityRelationship = "LOG"
    image.PixelIntensityRelationshipSign = -1 if photometric == "MONOCHROME2" else 1
    image.RescaleIntercept = "0"
    image.RescaleSlope = "1"
    image.RescaleType = "US"
    image.PresentationLUTShape = "INVERSE" if photometric == "MONOCHROME1" else "IDENTITY"
    image.WindowCenter = str(int(WINDOW_CENTER))
    image.WindowWidth = str(int(WINDOW_WIDTH))
    # pydicom writes OW bytes as they are, so the order is chosen here.
    order = ">u2" if image.file_meta.TransferSyntaxUID == ExplicitVRBigEndian else "<u2"
    image.add_new("PixelData", "OW", pixels.astype(order).tobytes())
