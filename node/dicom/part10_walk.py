"""Walking the elements of an encoded data set, bounded in memory, time and depth.

The encodings are those of PS3.5 chapter 7 and Annex A. Every length is compared with
what is left before a byte of it is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pydicom.datadict import dictionary_VR
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)
from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32

from node.dicom.character_sets import SPECIFIC_CHARACTER_SET
from node.dicom.part10_sources import Source
from node.dicom.part10_values import (
    UNDEFINED_LENGTH,
    VALUE_BYTES,
    name,
    read_character_set,
    read_value,
    require_fit,
)
from node.errors import UnreadableDataSet

LARGEST_KEPT_VALUE: Final = 256 * 1024
"""Bytes; a larger value is walked or skipped, and left out of the header."""
HEADER_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of all kept values together."""
ELEMENT_LIMIT: Final = 100_000
"""Elements, items and fragments; a mammogram has some hundred, a tomosynthesis some thousand."""
DEPTH_LIMIT: Final = 32
"""Sequences within sequences."""

DEFLATED: Final = DeflatedExplicitVRLittleEndian
PIXEL_DATA: Final = 0x7FE00010

_ITEM: Final = 0xFFFEE000
_ITEM_END: Final = 0xFFFEE00D
_SEQUENCE_END: Final = 0xFFFEE0DD
_SHORT_LENGTH: Final = frozenset(vr.encode() for vr in EXPLICIT_VR_LENGTH_16)
_LONG_LENGTH: Final = frozenset(vr.encode() for vr in EXPLICIT_VR_LENGTH_32)


class Encoding(NamedTuple):
    """How elements are written: VR in the dictionary or in the bytes, and the byte order."""

    implicit: bool
    little: bool

    @classmethod
    def of(cls, transfer_syntax_uid: str) -> Encoding:
        """Tell the encoding of a transfer syntax; of a deflated one, once inflated."""
        return cls(
            implicit=transfer_syntax_uid == ImplicitVRLittleEndian,
            little=transfer_syntax_uid != ExplicitVRBigEndian,
        )


META_ENCODING: Final = Encoding(implicit=False, little=True)
_IMPLICIT: Final = Encoding(implicit=True, little=True)


class Element(NamedTuple):
    """One element of the top level; ``value`` is None when it was not kept."""

    tag: int
    vr: str
    value: bytes | None


@dataclass(slots=True)
class Walked:
    """What the walk met: kept elements, every top-level tag, the length of Pixel Data."""

    elements: list[Element] = field(default_factory=list)
    tags: set[int] = field(default_factory=set)
    pixel_bytes: int | None = None
    kept_bytes: int = 0
    seen: int = 0

    def count(self) -> None:
        """Count one element, item or fragment against ``ELEMENT_LIMIT``."""
        self.seen += 1
        if self.seen > ELEMENT_LIMIT:
            raise UnreadableDataSet(f"more than {ELEMENT_LIMIT} elements")

    def keep(self, element: Element) -> None:
        """Add a top-level element to the header, within ``HEADER_LIMIT``."""
        self.elements.append(element)
        self.kept_bytes += len(element.value or b"")
        if self.kept_bytes > HEADER_LIMIT:
            raise UnreadableDataSet(f"a header of more than {HEADER_LIMIT} bytes")


def walk_data_set(
    source: Source, encoding: Encoding, walked: Walked, *, encapsulated: bool
) -> None:
    """Read every element of the top level into ``walked`` until the source ends.

    Raises
    ------
    UnreadableDataSet
        At the first element that is cut short, of an unknown VR, out of order (PS3.5
        7.1) or of a length that its VR cannot have.
    """
    last = -1
    while not source.at_end():
        walked.count()
        start = source.position
        tag, vr, length = _read_header(source, encoding)
        if tag <= last or tag < 0x00080000 or tag >> 16 == 0xFFFE:
            raise UnreadableDataSet(f"element {name(tag)} at byte {start} is out of order")
        last = tag
        walked.tags.add(tag)
        if tag == SPECIFIC_CHARACTER_SET:
            walked.keep(Element(tag, vr, read_character_set(source, vr, length)))
        elif tag == PIXEL_DATA:
            walked.pixel_bytes = _walk_pixel_data(source, vr, length, encapsulated, walked)
        elif _is_sequence(vr, length):
            value = _walk_top_sequence(source, encoding, vr, length, walked)
            if vr == "SQ":
                walked.keep(Element(tag, vr, value))
        elif length > LARGEST_KEPT_VALUE:
            require_fit(source, tag, vr, length)
            source.skip(length)
        else:
            walked.keep(Element(tag, vr, read_value(source, tag, vr, length)))


def read_element(source: Source, encoding: Encoding) -> Element:
    """Read one element that holds a plain value, as those of the file meta do."""
    tag, vr, length = _read_header(source, encoding)
    if length > LARGEST_KEPT_VALUE or vr == "SQ":
        raise UnreadableDataSet(
            f"element {name(tag)} has {length} bytes where a short value stands"
        )
    return Element(tag, vr, read_value(source, tag, vr, length))


def _read_header(source: Source, encoding: Encoding) -> tuple[int, str, int]:
    """Read tag, VR and length; items and delimiters have the VR ``""``."""
    order = "<" if encoding.little else ">"
    first = source.take(8)
    group, number = struct.unpack_from(f"{order}HH", first)
    tag = group << 16 | number
    if encoding.implicit or group == 0xFFFE:
        (length,) = struct.unpack_from(f"{order}L", first, 4)
        return tag, "" if group == 0xFFFE else _implicit_vr(tag), length
    vr = first[4:6]
    if vr in _SHORT_LENGTH:
        (length,) = struct.unpack_from(f"{order}H", first, 6)
    elif vr in _LONG_LENGTH:
        (length,) = struct.unpack(f"{order}L", source.take(4))
    else:
        raise UnreadableDataSet(
            f"element {name(tag)} before byte {source.position} has no known value representation"
        )
    return tag, vr.decode(), length


def _implicit_vr(tag: int) -> str:
    if tag & 0xFFFF == 0:
        return "UL"  # group length
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return "UN"


def _is_sequence(vr: str, length: int) -> bool:
    return vr == "SQ" or (vr == "UN" and length == UNDEFINED_LENGTH)


def _walk_pixel_data(
    source: Source, vr: str, length: int, encapsulated: bool, walked: Walked
) -> int:
    if encapsulated != (length == UNDEFINED_LENGTH):
        raise UnreadableDataSet("Pixel Data and the transfer syntax differ about encapsulation")
    if not encapsulated:
        require_fit(source, PIXEL_DATA, vr if vr in VALUE_BYTES else "OB", length)
        source.skip(length)
        return length
    total = 0
    fragments = 0
    while True:  # PS3.5 A.4: offset table, fragments, delimiter
        walked.count()
        start = source.position
        tag, _, length = _read_header(source, META_ENCODING)
        if tag == _SEQUENCE_END and length == 0:
            break
        if tag != _ITEM or length > source.limit - source.position:
            raise UnreadableDataSet(f"no whole fragment of Pixel Data at byte {start}")
        source.skip(length)
        total += length if fragments else 0  # the first item is the offset table
        fragments += 1
    if not total:
        raise UnreadableDataSet("Pixel Data has no fragment")
    return total


def _walk_top_sequence(
    source: Source, encoding: Encoding, vr: str, length: int, walked: Walked
) -> bytes | None:
    """Walk a sequence and give its bytes, or None when it is too large to keep."""
    source.record(LARGEST_KEPT_VALUE)
    # An undefined-length UN is a sequence in Implicit VR (PS3.5 6.2.2 note 2).
    _walk_items(source, _IMPLICIT if vr == "UN" else encoding, length, walked, depth=1)
    return source.recorded()


def _walk_items(
    source: Source, encoding: Encoding, length: int, walked: Walked, *, depth: int
) -> None:
    if depth > DEPTH_LIMIT:
        raise UnreadableDataSet(f"sequences more than {DEPTH_LIMIT} deep")
    end = _end_of(source, length)
    while end is None or source.position < end:
        walked.count()
        start = source.position
        tag, _, item_length = _read_header(source, encoding)
        if tag == _SEQUENCE_END and end is None and item_length == 0:
            return
        if tag != _ITEM:
            raise UnreadableDataSet(f"{name(tag)} at byte {start} where an item should begin")
        _walk_item(source, encoding, item_length, walked, depth)
    if source.position != end:
        raise UnreadableDataSet(f"a sequence ends at byte {end} inside its item")


def _walk_item(source: Source, encoding: Encoding, length: int, walked: Walked, depth: int) -> None:
    end = _end_of(source, length)
    while end is None or source.position < end:
        walked.count()
        tag, vr, length = _read_header(source, encoding)
        if tag == _ITEM_END and end is None and length == 0:
            return
        if tag >> 16 == 0xFFFE:
            raise UnreadableDataSet(f"{name(tag)} before byte {source.position} inside an item")
        if tag == SPECIFIC_CHARACTER_SET:
            read_character_set(source, vr, length)
        elif _is_sequence(vr, length):
            inner = _IMPLICIT if vr == "UN" else encoding
            _walk_items(source, inner, length, walked, depth=depth + 1)
        elif tag == PIXEL_DATA and length == UNDEFINED_LENGTH:  # an icon, compressed
            _walk_pixel_data(source, vr, length, True, walked)
        else:
            require_fit(source, tag, vr, length)
            source.skip(length)
    if source.position != end:
        raise UnreadableDataSet(f"an item ends at byte {end} inside its last element")


def _end_of(source: Source, length: int) -> int | None:
    """Where a sequence or item of ``length`` bytes ends; None for a delimited one."""
    if length == UNDEFINED_LENGTH:
        return None
    if length > source.limit - source.position:
        raise UnreadableDataSet(
            f"a sequence at byte {source.position} has {length} bytes, "
            f"{source.limit - source.position} are left"
        )
    return source.position + length
