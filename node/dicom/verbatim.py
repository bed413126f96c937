"""Attributes copied from one data set to another without touching a byte.

Decoding a text and encoding it again changes bytes: padding, redundant escape
sequences, values that break their VR. A raw element goes through as it came, unless
its bytes are no value of the VR that the dictionary gives it: a sequence that is a
number, a text that is a sequence. Such an attribute stays behind, whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from node.dicom import character_sets
from node.dicom.header import MALFORMED, TEXT_VRS

if TYPE_CHECKING:
    from collections.abc import Iterable

# Bytes of these are the same in every transfer syntax.
_AS_THEY_ARE: Final = TEXT_VRS | {"OB", "UN"}
# Bytes of one value (PS3.5 6.2).
_NUMBERS: Final = {"US": 2, "SS": 2, "AT": 4, "FL": 4, "SL": 4, "UL": 4, "FD": 8, "SV": 8, "UV": 8}
_LONGEST: Final = 0xFFFE  # where the length has 16 bits (PS3.5 7.1.2)
_ITEM: Final = {"little": b"\xfe\xff\x00\xe0", "big": b"\xff\xfe\xe0\x00"}
_UNDEFINED: Final = 0xFFFFFFFF
_IMPLICIT_HEADER_LENGTH: Final = 8


class _NotOfItsVr(Exception):
    """The stored bytes are no value of the VR that the dictionary gives the attribute."""


def copy_elements(source: Dataset, target: Dataset, keywords: Iterable[str]) -> None:
    """Copy the attributes that ``source`` has; those it lacks stay as they are.

    So do those whose stored value is none of their VR (``not_copied`` names them).
    """
    for keyword in keywords:
        element = _copy_of(source, tag_of(keyword))
        if element is not None:
            target[element.tag] = element


def not_copied(source: Dataset, keywords: Iterable[str]) -> tuple[str, ...]:
    """Name the attributes that ``source`` has and that ``copy_elements`` leaves behind."""
    tags = {keyword: tag_of(keyword) for keyword in keywords}
    return tuple(
        keyword for keyword, tag in tags.items() if tag in source and _copy_of(source, tag) is None
    )


def copied_item(source: Dataset, outer_character_set: tuple[str, ...] = ()) -> Dataset | None:
    """Copy an item of a sequence with its nested items, without private groups.

    ``outer_character_set`` holds where the item declares none itself. None when an
    attribute of the item is none of its VR: half an identifier would be another one.
    """
    try:
        return _item(source, outer_character_set)
    except _NotOfItsVr:
        return None


def stored_bytes(source: Dataset, keyword: str) -> bytes:
    """Give an attribute's value as stored; ``b""`` when it has none, or none of its VR."""
    element = _copy_of(source, tag_of(keyword))
    return (element.value or b"") if isinstance(element, RawDataElement) else b""


def tag_of(keyword: str) -> BaseTag:
    """Give the tag of an attribute of the standard."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"{keyword} is not a keyword of the standard")
    return Tag(tag)


def _copy_of(source: Dataset, tag: BaseTag) -> DataElement | RawDataElement | None:
    try:
        return _copied(source, tag, ()) if tag in source else None
    except _NotOfItsVr:
        return None


def _copied(
    source: Dataset, tag: BaseTag, outer_character_set: tuple[str, ...]
) -> DataElement | RawDataElement:
    """Copy one element that ``source`` has, ready for Explicit VR Little Endian."""
    element = source.get_item(tag)
    vr = _vr(tag, element.VR)
    if not _may_hold(vr, element.VR):
        raise _NotOfItsVr
    character_set = character_sets.declared(source) or outer_character_set
    if vr == "SQ":
        items = [_item(item, character_set) for item in _items(source, tag)]
        return DataElement(tag, "SQ", items)
    if not isinstance(element, RawDataElement):
        return _raw(tag, vr, _encoded(element, character_set))
    value = element.value or b""
    is_cut_off = element.length not in (len(value), _UNDEFINED)
    is_too_long = vr not in EXPLICIT_VR_LENGTH_32 and len(value) > _LONGEST
    if is_cut_off or is_too_long or len(value) % _NUMBERS.get(vr, 1):
        raise _NotOfItsVr
    if element.is_little_endian or vr in _AS_THEY_ARE:
        return _raw(tag, vr, value)
    return source[tag]  # numbers of a big-endian source are read and written again


def _item(source: Dataset, outer_character_set: tuple[str, ...]) -> Dataset:
    item = Dataset()
    for tag in sorted(source.keys()):
        if not tag.is_private and tag.element != 0:
            item[tag] = _copied(source, tag, outer_character_set)
    return item


def _items(source: Dataset, tag: BaseTag) -> list[Dataset]:
    element = source.get_item(tag)
    if isinstance(element, RawDataElement) and not _are_items(element):
        raise _NotOfItsVr
    try:
        items = list(source[tag].value or ())
    except MALFORMED as error:
        raise _NotOfItsVr from error
    if not all(isinstance(item, Dataset) for item in items):
        raise _NotOfItsVr
    return items


def _are_items(element: RawDataElement) -> bool:
    """Whether items fill the value to its end; pydicom reads as far as it gets."""
    value = element.value or b""
    order: Literal["little", "big"] = "little" if element.is_little_endian else "big"
    place = 0
    while place < len(value):
        if value[place : place + 4] != _ITEM[order]:
            return False
        length = int.from_bytes(value[place + 4 : place + 8], order)
        if length == _UNDEFINED:  # then the end has a mark of its own, which pydicom misses
            return True
        place += 8 + length
    return place == len(value)


def _vr(tag: BaseTag, stored: str | None) -> str:
    """Prefer the dictionary: a wrong VR in the source is not worth repeating."""
    if dictionary_has_tag(tag):
        known = dictionary_VR(tag)
        return known if " or " not in known else (stored or known.split(" or ")[0])
    return stored or "UN"


def _may_hold(vr: str, stored: str | None) -> bool:
    """Whether bytes stored under one VR may be a value of another: texts are texts."""
    return stored in (vr, None, "UN") or (vr in TEXT_VRS and stored in TEXT_VRS)


def _raw(tag: BaseTag, vr: str, value: bytes) -> RawDataElement:
    """Hold bytes as if they had been read from Explicit VR Little Endian."""
    if len(value) % 2:  # PS3.5 7.1.1: the value length is even
        value += b"\0" if vr in ("UI", "OB", "UN") else b" "
    return RawDataElement(
        tag, vr, len(value), value, 0, is_implicit_VR=False, is_little_endian=True
    )


def _encoded(element: DataElement, character_set: tuple[str, ...]) -> bytes:
    """Encode an element that somebody decoded before us."""
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, True
    write_data_element(stream, element, character_sets.codecs(character_set))
    return stream.getvalue()[_IMPLICIT_HEADER_LENGTH:]
