"""Specific Character Set (0008,0005), also where it is misspelt.

Results carry the value exactly as the source has it; this module says only which
Python codecs it means, without the warnings that pydicom gives on odd values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pydicom.charset import CODES_TO_ENCODINGS, python_encoding
from pydicom.dataelem import RawDataElement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom import Dataset

SPECIFIC_CHARACTER_SET: Final = 0x00080005
DEFAULT_CODEC: Final = "iso8859"

_MISSPELT: Final = re.compile(r"ISO[ _-]*(2022)?[ _-]*IR[ _-]*(\d+)")
# These set the encoding back to the first character set (PS3.5 6.1.2.5.3).
TEXT_DELIMITERS: Final = frozenset(b"\\\r\n\f\t")
NAME_DELIMITERS: Final = TEXT_DELIMITERS | frozenset(b"^=")
_ESCAPE: Final = b"\x1b"
_FRAGMENT: Final = re.compile(rb"^[^\x1b]+|\x1b[^\x1b]*")
# pydicom calls it iso_ir_58 and leaves its escape sequence in the text.
_GB2312: Final = "gb2312"
# Younger than pydicom's table.
_LATIN_9: Final = "iso8859_15"
_LATIN_9_NAMES: Final = frozenset({"ISO_IR 203", "ISO 2022 IR 203"})
_CODEC_OF_ESCAPE: Final = {
    **CODES_TO_ENCODINGS,
    b"\x1b(B": "ascii",
    b"\x1b$)A": _GB2312,
    b"\x1b-b": _LATIN_9,
}
_READS_ESCAPES: Final = frozenset({"iso2022_jp", "iso2022_jp_2"})


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
    return [_codec(value) or DEFAULT_CODEC for value in values] or [DEFAULT_CODEC]


def decode(value: bytes, values: tuple[str, ...]) -> str:
    """Decode stored bytes; what cannot be decoded becomes a replacement character."""
    pieces = _pieces(value, codecs(values)[0], NAME_DELIMITERS)
    return "".join(piece.decode(codec, "replace") for piece, codec in pieces)


def decode_strictly(value: bytes, values: tuple[str, ...], delimiters: frozenset[int]) -> str:
    """Decode stored bytes that mean one text beyond doubt.

    Parameters
    ----------
    delimiters : frozenset[int]
        ``NAME_DELIMITERS`` for a PN, ``TEXT_DELIMITERS`` for other texts.

    Raises
    ------
    ValueError
        Bytes or an escape sequence that ``values`` do not allow; letters that are not
        ASCII where no set, or one that nobody knows, is declared.
    """
    if value.isascii() and _ESCAPE not in value:
        return value.decode("ascii")
    known = [_codec(one) for one in values] or [DEFAULT_CODEC]
    if None in known:
        raise ValueError("unknown character set")
    # The default repertoire is ISO-IR 6: ASCII, and no letter of Latin-1.
    declared_codecs = ["ascii" if codec == DEFAULT_CODEC else str(codec) for codec in known]
    allowed = {"ascii", *declared_codecs}
    if "iso2022_jp" in allowed:
        allowed.add("shift_jis")  # its Romaji half, to which senders return from kanji
    if "iso_ir_58" in allowed:
        allowed.add(_GB2312)
    decoded = ""
    for piece, codec in _pieces(value, declared_codecs[0], delimiters):
        if codec not in allowed:
            raise ValueError("undeclared character set")
        decoded += piece.decode(codec)
    if "\x1b" in decoded or "\ufffd" in decoded:
        raise ValueError("unknown escape sequence")
    return decoded


def _pieces(value: bytes, first: str, delimiters: frozenset[int]) -> Iterator[tuple[bytes, str]]:
    """Part a value where its encoding changes: bytes and the codec that they are in."""
    for fragment in _FRAGMENT.findall(value):
        escape = next((code for code in _CODEC_OF_ESCAPE if fragment.startswith(code)), b"")
        codec = _CODEC_OF_ESCAPE.get(escape, first)
        if not escape or codec in _READS_ESCAPES:
            yield fragment, codec
            continue
        rest = fragment[len(escape) :]
        end = next((place for place, byte in enumerate(rest) if byte in delimiters), len(rest))
        yield rest[:end], codec
        yield rest[end:], first


def _codec(value: str) -> str | None:
    name = value.strip().upper()
    match = _MISSPELT.fullmatch(name)
    if match is not None:
        name = f"ISO 2022 IR {match[2]}" if match[1] else f"ISO_IR {match[2]}"
    return _LATIN_9 if name in _LATIN_9_NAMES else python_encoding.get(name)
