"""Attributes copied from one data set to another without touching a byte.

Decoding a text and encoding it again changes bytes: padding, redundant escape
sequences, values that break their VR. A raw element goes through as it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.tag import BaseTag, Tag

from node.dicom import character_sets

if TYPE_CHECKING:
    from collections.abc import Iterable

# Bytes of these read the same in every transfer syntax.
_TEXT_VRS: Final = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM"}
    | {"UC", "UI", "UR", "UT", "OB", "UN"}
)
_IMPLICIT_HEADER_LENGTH: Final = 8


def copy_elements(source: Dataset, target: Dataset, keywords: Iterable[str]) -> None:
    """Copy the attributes that ``source`` has; those it lacks stay as they are."""
    for keyword in keywords:
        tag = tag_of(keyword)
        if tag in source:
            target[tag] = copied(source, tag)


def copied_item(source: Dataset, outer_character_set: tuple[str, ...] = ()) -> Dataset:
    """Copy one item of a sequence, nested items included, without private groups."""
    item = Dataset()
    for tag in sorted(source.keys()):
        if not tag.is_private and tag.element != 0:
            item[tag] = copied(source, tag, outer_character_set)
    return item


def copied(
    source: Dataset, tag: BaseTag, outer_character_set: tuple[str, ...] = ()
) -> DataElement | RawDataElement:
    """Copy one element that ``source`` has, ready for Explicit VR Little Endian.

    ``outer_character_set`` holds for an item of a sequence that declares none itself.
    """
    element = source.get_item(tag)
    vr = _vr(tag, element.VR)
    character_set = character_sets.declared(source) or outer_character_set
    if vr == "SQ":
        items = [copied_item(item, character_set) for item in source[tag].value or ()]
        return DataElement(tag, "SQ", items)
    if not isinstance(element, RawDataElement):
        return _raw(tag, vr, _encoded(element, character_set))
    if element.is_little_endian or vr in _TEXT_VRS:
        return _raw(tag, vr, element.value or b"")
    return source[tag]


def stored_bytes(source: Dataset, keyword: str) -> bytes:
    """Give an attribute's value as stored, or ``b""`` when it is absent or empty."""
    tag = tag_of(keyword)
    if tag not in source:
        return b""
    element = copied(source, tag)
    return (element.value or b"") if isinstance(element, RawDataElement) else b""


def tag_of(keyword: str) -> BaseTag:
    """Give the tag of an attribute of the standard."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"{keyword} is not a keyword of the standard")
    return Tag(tag)


def _vr(tag: BaseTag, stored: str | None) -> str:
    """Prefer the dictionary: a wrong VR in the source is not worth repeating."""
    if dictionary_has_tag(tag):
        known = dictionary_VR(tag)
        return known if " or " not in known else (stored or known.split(" or ")[0])
    return stored or "UN"


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
