"""What the node wants to know of a header, read without trusting its values.

A reader below gives "" or None for an attribute that is absent, empty or not of its VR;
none of them raises or warns, and none repairs what it reads.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.errors import BytesLengthException, InvalidDicomError

from node.dicom import views

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement

MALFORMED: Final = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
    struct.error,
)
"""What pydicom raises on bytes that are no data set, or no value of their VR."""

UNKNOWN_MODIFIER: Final = "OTHER"
"""A view modifier that is not in ``views.MODIFIERS``."""

TEXT_VRS: Final = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM"}
    | {"UC", "UI", "UR", "UT"}
)
"""VRs of characters (PS3.5 6.2); their bytes are the same in every transfer syntax."""

_READ_AS_TEXT: Final = TEXT_VRS | {None, "UN"}


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """Identity, encoding and view of one received object; ``""`` where it does not say."""

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    laterality: str
    view: str
    is_standard_view: bool


def facts(header: Dataset) -> InstanceFacts:
    """Read the facts of a header with its file meta attached."""
    side, view = laterality(header), view_of(header)
    meta = getattr(header, "file_meta", None)
    return InstanceFacts(
        sop_instance_uid=uid(header, "SOPInstanceUID"),
        sop_class_uid=uid(header, "SOPClassUID"),
        study_instance_uid=uid(header, "StudyInstanceUID"),
        series_instance_uid=uid(header, "SeriesInstanceUID"),
        transfer_syntax_uid="" if meta is None else text(meta, "TransferSyntaxUID"),
        laterality=side,
        view=view,
        is_standard_view=views.is_standard(side, view, modifiers(header)),
    )


def stand_in(known: InstanceFacts) -> Dataset:
    """Build a header of an image of which the facts alone are known."""
    header = Dataset()
    header.SOPClassUID = known.sop_class_uid
    header.SOPInstanceUID = known.sop_instance_uid
    header.StudyInstanceUID = known.study_instance_uid
    header.SeriesInstanceUID = known.series_instance_uid
    header.ImageLaterality = known.laterality
    header.ViewPosition = known.view
    return header


def laterality(header: Dataset) -> str:
    """Side of the image: ``"L"``, ``"R"``, ``"B"`` or ``""``.

    Image Laterality (0020,0062), else Laterality (0020,0060) of the series, else Frame
    Laterality (0020,9072) of the shared or the first frame's functional groups.
    """
    found = [text(header, "ImageLaterality"), text(header, "Laterality")]
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in items(header, groups)[:1]:
            found += [
                text(part, "FrameLaterality") for part in items(group, "FrameAnatomySequence")
            ]
    return next((side for side in found if side in ("L", "R", "B")), "")


def view_of(header: Dataset) -> str:
    """Keyword of the view (``views.VIEWS``): View Code Sequence, else View Position."""
    for item in items(header, "ViewCodeSequence")[:1]:
        keyword = _keyword(views.VIEWS, item)
        if keyword:
            return keyword
    return views.view_of_position(text(header, "ViewPosition"))


def modifiers(header: Dataset) -> tuple[str, ...]:
    """Keywords of the view modifiers (``views.MODIFIERS``), or ``UNKNOWN_MODIFIER``."""
    return tuple(
        _keyword(views.MODIFIERS, modifier) or UNKNOWN_MODIFIER
        for view in items(header, "ViewCodeSequence")[:1]
        for modifier in items(view, "ViewModifierCodeSequence")
    )


def has_code(header: Dataset, sequence: str, term: views.Term) -> bool:
    """Whether a code sequence holds ``term``, in either SNOMED."""
    return any(_keyword((term,), item) for item in items(header, sequence))


def texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """Values of a text or number attribute as stripped texts; all empty ones too."""
    element = _element(dataset, keyword)
    if element is None or element.VR not in _READ_AS_TEXT:
        return ()
    if isinstance(element, RawDataElement):
        stored = (element.value or b"").decode("latin-1").rstrip(" \0")
        return tuple(part.strip(" \0") for part in stored.split("\\")) if stored else ()
    value = element.value
    if value is None or isinstance(value, bytes):
        return ()
    many = value if element.VM > 1 else [value]
    return tuple(str(part).strip(" \0") for part in many) if str(value) else ()


def text(dataset: Dataset, keyword: str) -> str:
    """First value of a text attribute, stripped; ``""`` when there is none."""
    return next(iter(texts(dataset, keyword)), "")


def uid(dataset: Dataset, keyword: str) -> str:
    """Value of a UID attribute; ``""`` when there is none, or more than one."""
    found = texts(dataset, keyword)
    return found[0] if len(found) == 1 else ""


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """Values of a DS or IS attribute; empty when one of them is not a finite number."""
    try:
        found = tuple(float(part) for part in texts(dataset, keyword))
    except ValueError:
        return ()
    return found if all(abs(number) < float("inf") for number in found) else ()


def number(dataset: Dataset, keyword: str) -> float | None:
    """First value of a DS or IS attribute."""
    return next(iter(numbers(dataset, keyword)), None)


def shorts(dataset: Dataset, keyword: str, *, signed: bool = False) -> tuple[int, ...]:
    """Values of a US or SS attribute, read as signed or not whatever its VR says."""
    element = _element(dataset, keyword)
    if element is None or element.value is None:
        return ()
    if isinstance(element, RawDataElement):
        raw = element.value or b""
        order = "<" if element.is_little_endian else ">"
        count = len(raw) // 2
        found = list(struct.unpack(f"{order}{count}H", raw[: 2 * count]))
    else:
        value = element.value
        many = value if element.VM > 1 else [value]
        found = [part & 0xFFFF for part in many if isinstance(part, int)]
    return tuple(part - 0x10000 if signed and part > 0x7FFF else part for part in found)


def short(dataset: Dataset, keyword: str) -> int | None:
    """First value of a US attribute."""
    return next(iter(shorts(dataset, keyword)), None)


def words(dataset: Dataset, keyword: str, count: int) -> tuple[int, ...]:
    """Read ``count`` unsigned values of 8 or 16 bits of a US or OW attribute (LUT Data)."""
    element = _element(dataset, keyword)
    stored = None if element is None else element.value
    if not isinstance(stored, bytes):
        return shorts(dataset, keyword)
    if len(stored) in (count, count + count % 2):
        return tuple(stored[:count])
    little = dataset.original_encoding[1] is not False
    whole = stored[: len(stored) // 2 * 2]
    return struct.unpack(f"{'<' if little else '>'}{len(whole) // 2}H", whole)[:count]


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Items of a sequence; none when it is absent or cannot be parsed."""
    if _element(dataset, keyword) is None:
        return []
    try:
        value = dataset[keyword].value
        return [item for item in value or () if isinstance(item, Dataset)]
    except MALFORMED:
        return []


def _element(dataset: Dataset, keyword: str) -> DataElement | RawDataElement | None:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)  # a misspelt keyword in our own code
    return dataset.get_item(tag) if tag in dataset else None


def _keyword(terms: tuple[views.Term, ...], item: Dataset) -> str:
    return views.keyword_of(terms, text(item, "CodeValue"), text(item, "CodingSchemeDesignator"))
