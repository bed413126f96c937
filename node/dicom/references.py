"""References from a result to the images, reports and orders that it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydicom import Dataset

from node.dicom import character_sets
from node.dicom.content_items import reference
from node.dicom.header import TEXT_VRS, items, text
from node.dicom.part10 import encode
from node.dicom.verbatim import copied_item, copy_elements, stored_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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

    An order in another character set than ``source`` has says so itself. Left out are
    those that cannot be read to their end (``identity.unreadable`` names them) and those
    whose set nobody can name (``undeclared_orders``).
    """
    found: dict[bytes, Dataset] = {}
    for header in headers:
        for request in _requests_of(header, character_sets.declared(source)):
            if request is not None:
                found.setdefault(encode(request), request)
    return list(found.values())


def undeclared_orders(source: Dataset, headers: Sequence[Dataset]) -> list[str]:
    """Name the images with an order that would be read wrongly beside what ``source`` says.

    It has letters and no character set, and ``source`` has one.
    """
    declared = character_sets.declared(source)
    return [
        text(header, "SOPInstanceUID")
        for header in headers
        if None in list(_requests_of(header, declared))
    ]


def _requests_of(header: Dataset, outer: tuple[str, ...]) -> Iterator[Dataset | None]:
    """Build the orders of one image for an object in the set ``outer``; None as left out."""
    around = character_sets.declared(header)
    for item in items(header, "RequestAttributesSequence"):
        step = copied_item(item, around)
        if step is None:
            continue
        request = _request(header, step)
        own = character_sets.declared(step) or around
        if own == outer or _is_plain(request):
            yield request
        elif own:
            if not character_sets.declared(step):
                copy_elements(header, request, ("SpecificCharacterSet",))
            yield request
        else:
            yield None


def _request(header: Dataset, step: Dataset) -> Dataset:
    request, beside = Dataset(), Dataset()
    for keyword in (*_ORDER, *_PROCEDURE):
        setattr(request, keyword, None)
    # The order's numbers may stand beside the sequence or in it; the item knows best.
    copy_elements(header, beside, (*_ORDER, *_ORDER_ISSUERS))
    own_set = character_sets.declared(step)
    if own_set and own_set != character_sets.declared(header) and not _is_plain(beside):
        beside = Dataset()  # it would be read in the item's set
    copy_elements(header, request, ("StudyInstanceUID",))
    if stored_bytes(step, "StudyInstanceUID").strip(b"\0 "):
        copy_elements(step, request, ("StudyInstanceUID",))
    copy_elements(step, request, ("SpecificCharacterSet", *_PROCEDURE))
    for number, issuer in zip(_ORDER, _ORDER_ISSUERS, strict=True):
        # With another's issuer a number would be another order.
        stated, known = (stored_bytes(one, number).strip(b"\0 ") for one in (step, beside))
        copy_elements(step if stated else beside, request, (number,))
        if issuer in step:
            copy_elements(step, request, (issuer,))
        elif stated in (b"", known):
            copy_elements(beside, request, (issuer,))
    return request


def _is_plain(item: Dataset) -> bool:
    """Whether the texts of an item are the same in every character set."""
    for tag in item.keys():  # noqa: SIM118 - iterating over values would decode them
        element = item.get_item(tag)
        if element.VR == "SQ":
            nested = [one for one in item[tag].value if not character_sets.declared(one)]
            if not all(map(_is_plain, nested)):
                return False
            continue
        value = element.value if isinstance(element.value, bytes) else b""
        if element.VR in TEXT_VRS and (b"\x1b" in value or not value.isascii()):
            return False
    return True


def _series_item(series_instance_uid: str, items: list[Dataset]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = series_instance_uid
    series.ReferencedSOPSequence = items
    return series
