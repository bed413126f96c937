"""A study that never was, and every object of ours that is made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation

from config.profiles import Profile
from node.dicom.cad_report import build_cad_report
from node.dicom.eligibility import OWN_DEVICE
from node.dicom.findings import Algorithm, Device, Finding, ImageResult, RefusedImage, StudyResult
from node.dicom.geometry import Box
from node.dicom.key_objects import build_key_objects
from node.dicom.measurement_report import build_measurement_report
from node.dicom.overlay import build_overlay
from node.dicom.presentation_state import build_presentation_state
from node.dicom.summary_overlay import build_summary_overlay

_MAMMOGRAM: Final = str(DigitalMammographyXRayImageStorageForPresentation)
_ROWS: Final = 640
_COLUMNS: Final = 480
_DEVICE: Final = Device(*OWN_DEVICE, "0", "0", "MGNODE")
_FOUND: Final = Finding(Box(50.0, 60.0, 150.0, 200.0), 0.8, 1)
_CANDIDATE: Final = Finding(Box(250.0, 60.0, 350.0, 200.0), 0.35, 2)
_ALGORITHM: Final = Algorithm(
    name="detector",
    version="1",
    weights_sha256="0" * 64,
    device_uid="2.25.1",
    parameters=("score_threshold=0.5",),
    candidate_thresholds=(0.4, 0.3),
)

# What an image may say of patient, study and order beyond what it must.
_FULL: Final = {
    "SpecificCharacterSet": "ISO_IR 100",
    "TimezoneOffsetFromUTC": "+0100",
    "PatientName": "Sample^Name",
    "IssuerOfPatientID": "ISSUER",
    "TypeOfPatientID": "TEXT",
    "PatientBirthDate": "19500102",
    "PatientBirthTime": "030405",
    "PatientSex": "F",
    "OtherPatientNames": "Other^Name",
    "EthnicGroup": "GROUP",
    "PatientComments": "COMMENT",
    "PatientIdentityRemoved": "NO",
    "DeidentificationMethod": "NONE",
    "StudyDate": "20240102",
    "StudyTime": "101112",
    "StudyID": "STUDY",
    "StudyDescription": "DESCRIPTION",
    "AccessionNumber": "ACCESSION",
    "ReferringPhysicianName": "Physician^Name",
    "PatientAge": "074Y",
    "PatientSize": "1.71",
    "PatientWeight": "71",
    "Manufacturer": "Unit Maker",
    "ManufacturerModelName": "Unit",
    "BurnedInAnnotation": "NO",
    "PixelSpacing": [0.07, 0.07],
    "ImagerPixelSpacing": [0.08, 0.08],
    "LossyImageCompression": "01",
    "LossyImageCompressionRatio": "10",
    "LossyImageCompressionMethod": "ISO_15444_1",
    "FrameOfReferenceUID": "2.25.77",
    "PatientOrientation": ["A", "FR"],
    "WindowCenter": "2000",
    "WindowWidth": "1500",
}


def full_study(profile: Profile) -> StudyResult:
    """Give a study whose images say all that results copy, with boxes and with a failure."""
    analysed = [_header(number, side, **_FULL) for number, side in enumerate("RL", start=1)]
    order = Dataset()
    order.AccessionNumber = "ACCESSION"
    order.RequestedProcedureID = "PROCEDURE"
    order.ScheduledProcedureStepID = "STEP"
    for header in analysed:
        header.RequestAttributesSequence = [order]
        header.AnatomicRegionSequence = [_code("76752008", "Breast")]
        header.ViewCodeSequence = [_code("399162004", "cranio-caudal")]
        header.OtherPatientIDsSequence = [_identifier()]
        header.ProcedureCodeSequence = [_code("71651007", "Mammography")]
    images = [ImageResult(header, (_FOUND,), "", candidates=(_CANDIDATE,)) for header in analysed]
    images.append(ImageResult(_header(3, "L", **_FULL), (), "UNREADABLE_PIXELS"))
    return replace(
        _study(tuple(images), profile),
        device=replace(_DEVICE, institution_name="Institution"),
        predecessors=(("1.2.840.10008.5.1.4.1.1.88.33", "2.25.5", "2.25.6"),),
        refused=(RefusedImage("2.25.104", _MAMMOGRAM, "DAMAGED"),),
    )


def bare_study(profile: Profile) -> StudyResult:
    """Give a study whose images say what they must and no more."""
    image = ImageResult(_header(1, ""), (_FOUND,), "")
    return _study((image,), profile)


def build(kind: str, study: StudyResult) -> Dataset:
    """Build the object of one kind (``config.profiles.ObjectKind``), or that of the first image."""
    return _BUILDERS[kind](study)


def _study(images: tuple[ImageResult, ...], profile: Profile) -> StudyResult:
    return StudyResult(
        images=images,
        algorithm=_ALGORITHM,
        device=_DEVICE,
        completed_at=datetime(2024, 1, 2, 12, tzinfo=UTC),
        namespace=UUID(int=0),
        profile=profile,
    )


def _header(number: int, side: str, **more: object) -> Dataset:
    header = Dataset()
    header.SOPClassUID = _MAMMOGRAM
    header.SOPInstanceUID = f"2.25.{100 + number}"
    header.StudyInstanceUID = "2.25.99"
    header.SeriesInstanceUID = "2.25.98"
    header.PatientID = "SAMPLE"
    header.Modality = "MG"
    header.InstanceNumber = 40 + number
    header.Rows, header.Columns = _ROWS, _COLUMNS
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, 12, 11
    header.PixelRepresentation = 0
    if side:
        header.ImageLaterality = side
    for keyword, value in more.items():
        setattr(header, keyword, value)
    return header


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return item


def _identifier() -> Dataset:
    item = Dataset()
    item.PatientID, item.TypeOfPatientID = "OTHER", "TEXT"
    return item


def _grey(_image: ImageResult) -> NDArray[np.uint8]:
    return np.zeros((_ROWS, _COLUMNS), np.uint8)


def _overlay(study: StudyResult) -> Dataset:
    return build_overlay(study, study.images[0], _grey(study.images[0]))


_BUILDERS: Final[dict[str, Callable[[StudyResult], Dataset]]] = {
    "cad_sr": build_cad_report,
    "measurement_report": build_measurement_report,
    "overlay": _overlay,
    "summary_overlay": lambda study: build_summary_overlay(study, _grey),
    "presentation_state": lambda study: build_presentation_state(study, study.images[0]),
    "key_objects": build_key_objects,
}

BUILT: Final = tuple(_BUILDERS)
"""The kinds that can be built here."""
