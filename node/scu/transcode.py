"""From one little-endian, uncompressed transfer syntax to another, values byte for byte.

PS3.5 A.1 and A.2 differ in the headers of elements alone. Decoding a value and
encoding it again would not give the same bytes (padding, character set escape
sequences, decimal strings), so values stay raw and only get their VR.
"""

from __future__ import annotations

from typing import Final

from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import RawDataElement

_SEQUENCE: Final = "SQ"
_UNKNOWN: Final = "UN"


def with_known_vrs(dataset: Dataset) -> Dataset:
    """Give every raw element of ``dataset`` its VR, in place, nested items included.

    An element whose VR depends on others (``US or SS``) is decoded instead;
    pydicom settles it when it writes.
    """
    for tag in list(dataset.keys()):
        element = dataset.get_item(tag)
        if isinstance(element, RawDataElement):
            vr = element.VR or _vr_of(dataset, element)
            if len(vr) == len(_UNKNOWN) and vr != _SEQUENCE:
                dataset[tag] = element._replace(VR=vr)
                continue
        decoded = dataset[tag]
        if decoded.VR == _SEQUENCE:
            for item in decoded.value:
                with_known_vrs(item)
    return dataset


def _vr_of(dataset: Dataset, element: RawDataElement) -> str:
    if dictionary_has_tag(element.tag):
        return dictionary_VR(element.tag)
    if element.tag.is_private_creator:
        return "LO"
    if element.tag.element == 0:
        return "UL"
    # Private: pydicom knows some of them, among these sequences.
    return str(dataset[element.tag].VR) if element.tag.is_private else _UNKNOWN
