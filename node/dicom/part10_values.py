"""The values of an encoded data set: which lengths and characters a VR can have (PS3.5 6.2)."""

from __future__ import annotations

from typing import Final

from node.dicom.character_sets import SPECIFIC_CHARACTER_SET
from node.dicom.part10_sources import Source
from node.errors import UnreadableDataSet

UNDEFINED_LENGTH: Final = 0xFFFFFFFF
VALUE_BYTES: Final = {
    # PS3.5 6.2: bytes of one value
    "AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8,
    "OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2,
}  # fmt: skip
# PS3.5 6.2: VRs of the default repertoire only; a control or high character is damage.
_PLAIN: Final = frozenset({"AE", "AS", "DA", "DS", "DT", "IS", "TM", "UI"})
_PLAIN_BYTES: Final = bytes(range(0x20, 0x7F)) + b"\0"
_CHARACTER_SET_LIMIT: Final = 1024
"""Bytes; all that the standard defines are together some hundred."""


def name(tag: int) -> str:
    """Write a tag as the standard does, (gggg,eeee)."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def require_fit(source: Source, tag: int, vr: str, length: int) -> None:
    """Raise ``UnreadableDataSet`` unless the source holds a value of this VR and length."""
    if length == UNDEFINED_LENGTH:
        raise UnreadableDataSet(f"element {name(tag)} of VR {vr} has an undefined length")
    if length > source.limit - source.position:
        raise UnreadableDataSet(
            f"element {name(tag)} at byte {source.position} has {length} bytes, "
            f"{source.limit - source.position} are left"
        )
    if length % VALUE_BYTES.get(vr, 1):
        raise UnreadableDataSet(f"element {name(tag)} of VR {vr} has {length} bytes")


def read_value(source: Source, tag: int, vr: str, length: int) -> bytes:
    """Read one value; characters that its VR cannot hold are damage."""
    require_fit(source, tag, vr, length)
    value = source.take(length)
    if vr in _PLAIN and value.translate(None, _PLAIN_BYTES):
        raise UnreadableDataSet(f"element {name(tag)} of VR {vr} holds bytes that no {vr} can")
    return value


def read_character_set(source: Source, vr: str, length: int) -> bytes:
    """Read Specific Character Set, which says how to read all that comes after it.

    A character set that nobody knows passes; one that is no text at all is damage. No
    reader could tell whose image it is, and pydicom fails on such an element before it
    gives any other.
    """
    if vr not in ("CS", "UN") or length > _CHARACTER_SET_LIMIT:
        raise UnreadableDataSet(f"Specific Character Set has VR {vr} and {length} bytes")
    value = read_value(source, SPECIFIC_CHARACTER_SET, vr, length)
    if value.rstrip(b"\0").translate(None, _PLAIN_BYTES.rstrip(b"\0")):
        raise UnreadableDataSet("Specific Character Set is no text")
    return value
