"""Reading back what was sent and what came back, for the checks and the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydicom import Dataset, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.uid import ComprehensiveSRStorage, SecondaryCaptureImageStorage

from node.dicom.geometry import Box

IDENTITY: Final = (
    "SpecificCharacterSet",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""What makes two objects one patient's and one study's (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2)."""


@dataclass(frozen=True, slots=True)
class ReportedBox:
    """One box of the report, in stored pixels of the image it names.

    ``score_percent`` is the number it stands below, None where it stands alone.
    """

    sop_instance_uid: str
    box: Box
    points: int
    score_percent: float | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """The headers of one study's images as sent, and of its results as received.

    The identities are raw bytes by SOP Instance UID and keyword, as in the files.
    """

    images: tuple[Dataset, ...]
    results: tuple[Dataset, ...]
    image_identities: dict[str, dict[str, bytes]]
    result_identities: dict[str, dict[str, bytes]]

    @property
    def reports(self) -> tuple[Dataset, ...]:
        """The Structured Reports among the results."""
        return tuple(item for item in self.results if item.SOPClassUID == ComprehensiveSRStorage)

    @property
    def overlays(self) -> tuple[Dataset, ...]:
        """The Secondary Captures among the results."""
        return tuple(
            item for item in self.results if item.SOPClassUID == SecondaryCaptureImageStorage
        )

    def image(self, sop_instance_uid: str) -> Dataset | None:
        """Give the image of that UID, or None when it was not sent."""
        return next((item for item in self.images if item.SOPInstanceUID == sop_instance_uid), None)


def read_exchange(sources: Sequence[Path], results: Sequence[Path]) -> Exchange:
    """Read Part 10 files, without their pixels."""
    images = tuple(dcmread(path, stop_before_pixels=True) for path in sources)
    objects = tuple(dcmread(path, stop_before_pixels=True) for path in results)
    return Exchange(
        images=images,
        results=objects,
        image_identities={str(item.SOPInstanceUID): raw_identity(item) for item in images},
        result_identities={str(item.SOPInstanceUID): raw_identity(item) for item in objects},
    )


def raw_identity(item: Dataset) -> dict[str, bytes]:
    """Take the bytes of the identity as they stand in the file, before anything decodes them.

    Raises
    ------
    TypeError
        If one of them was decoded already: the comparison would prove nothing.
    """
    raw = {}
    for keyword in IDENTITY:
        tag = tag_for_keyword(keyword)
        element = item.get_item(tag) if tag is not None and tag in item else None
        if element is None:
            raw[keyword] = b""  # absent and empty say the same (PS3.5 7.4.3)
        elif isinstance(element, RawDataElement):
            # PS3.5 6.2: padding to even length belongs to the encoding, not to the value.
            raw[keyword] = (element.value or b"").rstrip(b" \0")
        else:
            raise TypeError(f"{keyword} was decoded before its bytes were compared")
    return raw


def reported_boxes(report: Dataset) -> list[ReportedBox]:
    """All boxes of a report; one that stands below its score and beside it counts once."""
    found: dict[tuple[str, Box, int], ReportedBox] = {}
    for item, parent in content_items(report):
        if item.get("ValueType") != "SCOORD":
            continue
        data = [float(value) for value in item.GraphicData]
        columns, rows = data[0::2], data[1::2]
        box = Box(min(columns), min(rows), max(columns), max(rows))
        score = _percent(parent)
        named = [
            str(reference.ReferencedSOPInstanceUID)
            for below in item.get("ContentSequence", [])
            for reference in below.get("ReferencedSOPSequence", [])
        ]
        for uid in named or [""]:
            key = (uid, box, len(columns))
            if key not in found or score is not None:
                found[key] = ReportedBox(*key, score)
    return list(found.values())


def content_items(item: Dataset) -> Iterator[tuple[Dataset, Dataset]]:
    """Walk the content tree in document order: each item, without the root, and its parent."""
    for below in item.get("ContentSequence", []):
        yield below, item
        yield from content_items(below)


def source_of(overlay: Dataset) -> list[str]:
    """SOP Instance UIDs that an overlay names as its source images."""
    return [str(item.ReferencedSOPInstanceUID) for item in overlay.get("SourceImageSequence", [])]


def _percent(item: Dataset) -> float | None:
    values = item.get("MeasuredValueSequence", [])
    return float(values[0].NumericValue) if values else None
