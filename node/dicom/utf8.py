"""An object of ours in UTF-8, whatever character set its source has."""

from __future__ import annotations

from typing import Final

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from node.dicom import character_sets

UTF_8: Final = "ISO_IR 192"

# The VRs that Specific Character Set is about (PS3.5 6.1.2.2).
_TEXT_VRS: Final = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_LONGEST: Final = 0xFFFE  # where the length has 16 bits (PS3.5 7.1.2)


def in_utf8(dataset: Dataset) -> Dataset | None:
    """Convert what was copied from an image, nested items too; the data set stays as it is.

    Each text is decoded by the set of the item that it is in, or of those around it, and
    every Specific Character Set becomes ISO_IR 192. None when a text has bytes that its
    set does not allow, or a set that nobody knows: half a name would be another name.
    """
    try:
        return _converted(dataset, (), is_root=True)
    except ValueError:
        return None


def _converted(dataset: Dataset, outer: tuple[str, ...], *, is_root: bool = False) -> Dataset:
    declared = character_sets.declared(dataset)
    values = declared or outer
    converted = Dataset()
    for tag in sorted(dataset.keys()):
        element = dataset.get_item(tag)
        if tag == character_sets.SPECIFIC_CHARACTER_SET:
            continue
        if element.VR == "SQ":
            items = [_converted(item, values) for item in dataset[tag].value]
            converted[tag] = DataElement(tag, "SQ", items)
        elif element.VR in _TEXT_VRS and isinstance(element, RawDataElement):
            converted[tag] = _text(element, values)
        else:
            converted[tag] = element
    if declared or is_root:
        converted.SpecificCharacterSet = UTF_8
    if is_root:
        converted.file_meta = dataset.file_meta
    return converted


def _text(element: RawDataElement, values: tuple[str, ...]) -> RawDataElement:
    is_name = element.VR == "PN"
    delimiters = character_sets.NAME_DELIMITERS if is_name else character_sets.TEXT_DELIMITERS
    decoded = character_sets.decode_strictly(element.value or b"", values, delimiters)
    value = decoded.rstrip("\0 ").encode()
    value += b" " * (len(value) % 2)
    if element.VR not in EXPLICIT_VR_LENGTH_32 and len(value) > _LONGEST:
        raise ValueError("too long in UTF-8")
    return element._replace(value=value, length=len(value))
