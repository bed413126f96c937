"""Reading back what was sent and what came back, for the checks and the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydicom import Dataset, FileDataset, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.filereader import data_element_generator
from pydicom.uid import (
    UID,
    ComprehensiveSRStorage,
    MammographyCADSRStorage,
    SecondaryCaptureImageStorage,
)

from node.demo.data_set import data_set_offset
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

_LAST_IDENTITY_TAG: Final = 0x0020FFFF


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
        """The measurement reports among the results."""
        return self._of_class(ComprehensiveSRStorage)

    @property
    def cad_reports(self) -> tuple[Dataset, ...]:
        """The Mammography CAD SRs among the results."""
        return self._of_class(MammographyCADSRStorage)

    @property
    def overlays(self) -> tuple[Dataset, ...]:
        """The Secondary Captures among the results."""
        return self._of_class(SecondaryCaptureImageStorage)

    def image(self, sop_instance_uid: str) -> Dataset | None:
        """Give the image of that UID, or None when it was not sent."""
        return next((item for item in self.images if item.SOPInstanceUID == sop_instance_uid), None)

    def _of_class(self, sop_class_uid: str) -> tuple[Dataset, ...]:
        return tuple(item for item in self.results if item.SOPClassUID == sop_class_uid)


def read_exchange(sources: Sequence[Path], results: Sequence[Path]) -> Exchange:
    """Read Part 10 files, without their pixels."""
    images = tuple(dcmread(path, stop_before_pixels=True) for path in sources)
    objects = tuple(dcmread(path, stop_before_pixels=True) for path in results)
    return Exchange(
        images=images,
        results=objects,
        image_identities=_identities(sources, images),
        result_identities=_identities(results, objects),
    )


def raw_identity(path: Path, transfer_syntax_uid: str) -> dict[str, bytes]:
    """Take the bytes of the identity as they stand in the file; nothing decodes them.

    Absent and empty say the same here (PS3.5 7.4.3), and padding to even length belongs
    to the encoding, not to the value (PS3.5 6.2).
    """
    syntax = UID(transfer_syntax_uid)
    with path.open("rb") as stream:
        stream.seek(data_set_offset(stream))
        elements = data_element_generator(
            stream,
            syntax.is_implicit_VR,
            syntax.is_little_endian,
            stop_when=lambda tag, _vr, _length: tag > _LAST_IDENTITY_TAG,
        )
        found = {int(element.tag): element.value for element in elements}
    raw = {}
    for keyword in IDENTITY:
        value = found.get(_tag(keyword)) or b""
        raw[keyword] = bytes(value).rstrip(b" \0")
    return raw


def _identities(
    paths: Sequence[Path], datasets: Sequence[FileDataset]
) -> dict[str, dict[str, bytes]]:
    return {
        str(dataset.SOPInstanceUID): raw_identity(path, dataset.file_meta.TransferSyntaxUID)
        for path, dataset in zip(paths, datasets, strict=True)
    }


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"no attribute is called {keyword}")
    return tag


def reported_boxes(report: Dataset) -> list[ReportedBox]:
    """All boxes of a report; one that stands below its score and beside it counts once."""
    found: dict[tuple[str, Box, int], ReportedBox] = {}
    for item, parent in content_items(report):
        if item.get("ValueType") != "SCOORD":
            continue
        drawn = drawn_box(item)
        score = _percent(parent)
        named = [
            str(reference.ReferencedSOPInstanceUID)
            for below in item.get("ContentSequence", [])
            for reference in below.get("ReferencedSOPSequence", [])
        ]
        for uid in named or [""]:
            key = (uid, *drawn)
            if key not in found or score is not None:
                found[key] = ReportedBox(*key, score)
    return list(found.values())


def drawn_box(item: Dataset) -> tuple[Box, int]:
    """Box round the points of an SCOORD item, and how many points there are."""
    data = [float(value) for value in item.GraphicData]
    columns, rows = data[0::2], data[1::2]
    return Box(min(columns), min(rows), max(columns), max(rows)), len(columns)


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
