"""References from a result to the images, reports and orders that it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydicom import Dataset

from node.dicom import character_sets
from node.dicom.content_items import reference
from node.dicom.header import items, text
from node.dicom.part10 import encode
from node.dicom.verbatim import copied_item, copy_elements, stored_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# (SOP Class UID, SOP Instance UID, Series Instance UID)
ObjectReference = tuple[str, str, str]

# Referenced Request Sequence, PS3.3 C.17.2: of type 2, so empty where nobody knows.
_ORDER: Final = (
    "AccessionNumber",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
)
_ORDER_ISSUERS: Final = (
    "IssuerOfAccessionNumberSequence",
    "OrderPlacerIdentifierSequence",
    "OrderFillerIdentifierSequence",
)
_PROCEDURE: Final = (
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "RequestedProcedureCodeSequence",
    "ReferencedStudySequence",
)


def by_study(study_instance_uid: str, objects: Iterable[ObjectReference]) -> list[Dataset]:
    """Name objects of one study, each once (Hierarchical SOP Instance Reference, C.17.2.1)."""
    series: dict[str, list[Dataset]] = {}
    for sop_class_uid, sop_instance_uid, series_instance_uid in dict.fromkeys(objects):
        item = reference(sop_class_uid, sop_instance_uid)
        series.setdefault(series_instance_uid, []).append(item)
    study = Dataset()
    study.StudyInstanceUID = study_instance_uid
    study.ReferencedSeriesSequence = [_series_item(uid, items) for uid, items in series.items()]
    return [study]


def object_reference(header: Dataset) -> ObjectReference:
    """Name the object of ``header``; a UID that it lacks is ``""``."""
    return (
        text(header, "SOPClassUID"),
        text(header, "SOPInstanceUID"),
        text(header, "SeriesInstanceUID"),
    )


def requests(source: Dataset, headers: Sequence[Dataset]) -> list[Dataset]:
    """Build Referenced Request Sequence: the orders of the images, each once.

    Images in another character set than ``source`` are left out: their bytes would
    be read wrongly in a result that has the source's. So are orders that cannot be
    read to their end.
    """
    character_set = character_sets.declared(source)
    found: dict[bytes, Dataset] = {}
    for header in headers:
        if character_sets.declared(header) != character_set:
            continue
        for item in items(header, "RequestAttributesSequence"):
            step = copied_item(item, character_set)
            if step is None:
                continue
            request = _request(header, step)
            found.setdefault(encode(request), request)
    return list(found.values())


def _request(header: Dataset, step: Dataset) -> Dataset:
    request = Dataset()
    for keyword in (*_ORDER, *_PROCEDURE):
        setattr(request, keyword, None)
    # The order's numbers may stand beside the sequence or in it; the item knows best.
    copy_elements(header, request, ("StudyInstanceUID", *_ORDER, *_ORDER_ISSUERS))
    stated = [keyword for keyword in _ORDER if stored_bytes(step, keyword)]
    copy_elements(step, request, ("SpecificCharacterSet", *stated, *_ORDER_ISSUERS, *_PROCEDURE))
    return request


def _series_item(series_instance_uid: str, items: list[Dataset]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = series_instance_uid
    series.ReferencedSOPSequence = items
    return series
