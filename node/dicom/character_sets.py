"""Specific Character Set (0008,0005), also where it is misspelt.

Results carry the value exactly as the source has it; this module says only which
Python codecs it means, without the warnings that pydicom gives on odd values.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Final

from pydicom.charset import decode_bytes, python_encoding
from pydicom.dataelem import RawDataElement

if TYPE_CHECKING:
    from pydicom import Dataset

SPECIFIC_CHARACTER_SET: Final = 0x00080005
DEFAULT_CODEC: Final = "iso8859"

_MISSPELT: Final = re.compile(r"ISO[ _-]*(2022)?[ _-]*IR[ _-]*(\d+)")
# These set the encoding of a name back to the first character set (PS3.5 6.1.2.5.3).
_DELIMITERS: Final = set(b"\\^=\r\n\f\t")


def declared(dataset: Dataset) -> tuple[str, ...]:
    r"""Give the values as stored: ``("", "ISO 2022 IR 87")`` for ``\ISO 2022 IR 87``."""
    if SPECIFIC_CHARACTER_SET not in dataset:
        return ()
    element = dataset.get_item(SPECIFIC_CHARACTER_SET)
    if isinstance(element, RawDataElement):
        stored = (element.value or b"").decode("ascii", "replace").strip("\0 ")
        return tuple(stored.split("\\")) if stored else ()
    if element.is_empty:
        return ()
    value = element.value
    return (value,) if isinstance(value, str) else tuple(str(part or "") for part in value)


def codecs(values: tuple[str, ...]) -> list[str]:
    """Name the Python codecs of ``values``; an unknown one means the default."""
    return [_codec(value) for value in values] or [DEFAULT_CODEC]


def decode(value: bytes, values: tuple[str, ...]) -> str:
    """Decode stored bytes; what cannot be decoded becomes a replacement character."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return decode_bytes(value, codecs(values), _DELIMITERS)


def _codec(value: str) -> str:
    name = value.strip().upper()
    match = _MISSPELT.fullmatch(name)
    if match is not None:
        name = f"ISO 2022 IR {match[2]}" if match[1] else f"ISO_IR {match[2]}"
    return python_encoding.get(name, DEFAULT_CODEC)
