"""What every object of ours has around its content: series, equipment, times."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from pydicom import Dataset
from pydicom.uid import (
    ComprehensiveSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    MammographyCADSRStorage,
    SecondaryCaptureImageStorage,
)

from node.dicom import codes, identity
from node.dicom.part10 import file_meta
from node.dicom.plain_text import LO_LENGTH, SH_LENGTH, plain
from node.dicom.result_uids import series_instance_uid
from node.dicom.verbatim import copy_elements, stored_bytes

if TYPE_CHECKING:
    from node.dicom.findings import Algorithm, Device, StudyResult


@dataclass(frozen=True, slots=True)
class ResultKind:
    """One kind of result, named as in ``config.profiles``; each has a series of its own."""

    name: str
    sop_class_uid: str
    modality: str


CAD_SR: Final = ResultKind("cad_sr", MammographyCADSRStorage, "SR")
MEASUREMENT_REPORT: Final = ResultKind("measurement_report", ComprehensiveSRStorage, "SR")
OVERLAY: Final = ResultKind("overlay", SecondaryCaptureImageStorage, "OT")
SUMMARY_OVERLAY: Final = ResultKind("summary_overlay", SecondaryCaptureImageStorage, "OT")
PRESENTATION_STATE: Final = ResultKind(
    "presentation_state", GrayscaleSoftcopyPresentationStateStorage, "PR"
)
KEY_OBJECTS: Final = ResultKind("key_objects", KeyObjectSelectionDocumentStorage, "KO")

_UNIT: Final = (
    "Manufacturer",
    "InstitutionName",
    "StationName",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "SoftwareVersions",
)
_OFFSET: Final = re.compile(rb"([+-])(\d{2})([0-5]\d)")


def start_result(
    kind: ResultKind,
    study: StudyResult,
    source: Dataset,
    *,
    algorithm: Algorithm,
    sop_instance_uid: str,
    instance_number: int,
) -> Dataset:
    """Build a result up to its content: the identity of ``source``, our series and device.

    Every date and time is ``study.completed_at``, in the time zone that the source
    declares, else as given. None of them is the series': later generations join it.
    """
    moment = local_moment(study.completed_at, source)
    result = Dataset()
    identity.copy_identity(source, result)
    result.SOPClassUID = kind.sop_class_uid
    result.SOPInstanceUID = sop_instance_uid
    result.InstanceNumber = instance_number
    result.InstanceCreationDate = result.ContentDate = dicom_date(moment)
    result.InstanceCreationTime = result.ContentTime = dicom_time(moment)
    result.Modality = kind.modality
    result.SeriesInstanceUID = series_instance_uid(kind.name, study, algorithm)
    options = study.profile.options(kind.name)
    result.SeriesNumber = options.series_number
    # A workstation lists the series of two models side by side.
    model = f" ({study.model})" if study.model else ""
    result.SeriesDescription = plain(
        f"{options.series_description}{model} {study.device.model_name}", LO_LENGTH
    )
    _add_equipment(result, study.device, algorithm.device_uid)
    _add_acquisition_unit(result, source)
    result.ContentQualification = "RESEARCH"
    result.file_meta = file_meta(result)
    return result


def local_moment(moment: datetime, source: Dataset) -> datetime:
    """Move ``moment`` to TimezoneOffsetFromUTC (0008,0201) of ``source``, if it has one.

    A result has that attribute only where its source has it: it holds for every date and
    time of the object (PS3.3 C.12.1.1), and nobody knows the zone of a Study Time that was
    copied from a source without one. Our own times then stand beside it in the hospital's.
    """
    match = _OFFSET.fullmatch(stored_bytes(source, "TimezoneOffsetFromUTC").strip(b"\0 "))
    if match is None:
        return moment
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    if offset >= timedelta(hours=24):
        return moment
    return moment.astimezone(timezone(-offset if match[1] == b"-" else offset))


def dicom_date(moment: datetime) -> str:
    """Write a DA."""
    return f"{moment:%Y%m%d}"


def dicom_time(moment: datetime) -> str:
    """Write a TM, to the second."""
    return f"{moment:%H%M%S}"


def _add_equipment(result: Dataset, device: Device, device_uid: str) -> None:
    result.Manufacturer = plain(device.manufacturer, LO_LENGTH)
    result.ManufacturerModelName = plain(device.model_name, LO_LENGTH)
    result.SoftwareVersions = plain(device.software_versions, LO_LENGTH)
    result.DeviceSerialNumber = plain(device.serial_number, LO_LENGTH)
    result.StationName = plain(device.station_name, SH_LENGTH)
    result.DeviceUID = device_uid
    if device.institution_name:
        result.InstitutionName = plain(device.institution_name, LO_LENGTH)


def _add_acquisition_unit(result: Dataset, source: Dataset) -> None:
    """Name the unit that took the image as contributing equipment (PS3.3 C.12.1.1.5)."""
    if not stored_bytes(source, "Manufacturer"):  # of type 1 there
        return
    unit = Dataset()
    unit.PurposeOfReferenceCodeSequence = [codes.ACQUISITION_EQUIPMENT.item()]
    copy_elements(source, unit, _UNIT)
    result.ContributingEquipmentSequence = [unit]
