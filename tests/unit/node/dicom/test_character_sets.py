"""Specific Character Set is read as it stands, misspelt or not, and never warns."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from node.dicom.character_sets import (
    NAME_DELIMITERS,
    TEXT_DELIMITERS,
    codecs,
    declared,
    decode,
    decode_strictly,
)


def header_with(value: bytes) -> Dataset:
    header = Dataset()
    tag = Tag("SpecificCharacterSet")
    header[tag] = RawDataElement(tag, "CS", len(value), value, 0, False, True)
    return header


@pytest.mark.parametrize(
    ("stored", "values"),
    [
        (b"ISO_IR 100", ("ISO_IR 100",)),
        (b"\\ISO 2022 IR 87", ("", "ISO 2022 IR 87")),
        (b"\\ISO 2022 IR 149 ", ("", "ISO 2022 IR 149")),
        (b"ISO-IR 100", ("ISO-IR 100",)),
        (b"", ()),
    ],
)
def test_the_values_are_those_of_the_file(stored: bytes, values: tuple[str, ...]) -> None:
    assert declared(header_with(stored)) == values


def test_a_decoded_header_declares_the_same_as_a_raw_one() -> None:
    header = header_with(b"\\ISO 2022 IR 87")

    assert header.SpecificCharacterSet == ["", "ISO 2022 IR 87"]
    assert declared(header) == ("", "ISO 2022 IR 87")


def test_a_header_without_the_attribute_declares_nothing() -> None:
    assert declared(Dataset()) == ()


@pytest.mark.parametrize(
    ("values", "python"),
    [
        ((), ["iso8859"]),
        (("ISO_IR 192",), ["UTF8"]),
        (("ISO IR 192",), ["UTF8"]),
        (("iso_ir 100",), ["latin_1"]),
        (("ISO-IR 100",), ["latin_1"]),
        (("", "ISO 2022 IR 87"), ["iso8859", "iso2022_jp"]),
        (("ISO 2022 IR 6", "ISO_2022_IR_149"), ["iso8859", "euc_kr"]),
        (("GB18030",), ["GB18030"]),
        (("no such set",), ["iso8859"]),
    ],
)
def test_misspelt_sets_mean_what_they_meant_to_say(
    values: tuple[str, ...], python: list[str]
) -> None:
    assert codecs(values) == python


def test_an_ideographic_name_is_decoded_behind_its_escape_sequence() -> None:
    stored = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"  # PS3.5 H.3

    assert decode(stored, ("", "ISO 2022 IR 87")) == "Yamada^Tarou=山田^太郎"


def test_bytes_that_are_no_text_do_not_stop_us() -> None:
    assert decode(b"M\xfcller", ("ISO_IR 192",)) == "M\ufffdller"


# PS3.5 annexes H, I, J and K, and one name for each single-byte set of PS3.3 Table C.12-2.
NAMES = {
    ("ISO_IR 100",): ("Müller^Änne", "latin-1"),
    ("ISO_IR 101",): ("Wałęsa^Żaneta", "iso8859-2"),
    ("ISO_IR 109",): ("Ċensu^Ġużeppa", "iso8859-3"),
    ("ISO_IR 110",): ("Ķēniņš^Ļūba", "iso8859-4"),
    ("ISO_IR 144",): ("Люкceмбypг", "iso8859-5"),
    ("ISO_IR 127",): ("قباني^لنزار", "iso8859-6"),
    ("ISO_IR 126",): ("Διονυσιος", "iso8859-7"),
    ("ISO_IR 138",): ("שרון^דבורה", "iso8859-8"),
    ("ISO_IR 148",): ("Çavuşoğlu^İpek", "iso8859-9"),
    ("ISO_IR 166",): ("นามสกุล^ชื่อ", "tis-620"),
    ("ISO_IR 13",): ("ﾔﾏﾀﾞ^ﾀﾛｳ", "shift_jis"),
    ("ISO_IR 192",): ("Wang^XiaoDong=王^小东", "utf-8"),
    ("GB18030",): ("Wang^XiaoDong=王^小东", "gb18030"),
    ("GBK",): ("Wang^XiaoDong=王^小东", "gbk"),
    ("iso-ir 101 ",): ("Wałęsa^Żaneta", "iso8859-2"),
}
ESCAPED = {
    ("", "ISO 2022 IR 87"): (
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    ("ISO 2022 IR 13", "ISO 2022 IR 87"): (
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
    ),
    ("ISO 2022 IR 6", "ISO 2022 IR 149"): (
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    ("", "ISO 2022 IR 58"): (
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab",
        "Zhang^XiaoDong=张^小东",
    ),
    ("ISO 2022 IR 100", "ISO 2022 IR 126"): (b"M\xfcller^\x1b-F\xc4\xe9\xef", "Müller^Διο"),
}


@pytest.mark.parametrize("values", NAMES, ids=str)
def test_a_name_of_each_set_is_decoded(values: tuple[str, ...]) -> None:
    text, codec = NAMES[values]

    assert decode(text.encode(codec), values) == text
    assert decode_strictly(text.encode(codec), values, NAME_DELIMITERS) == text


@pytest.mark.parametrize("values", ESCAPED, ids=str)
def test_a_name_with_code_extensions_is_decoded(values: tuple[str, ...]) -> None:
    stored, text = ESCAPED[values]

    assert decode(stored, values) == text
    assert decode_strictly(stored, values, NAME_DELIMITERS) == text


@pytest.mark.parametrize(
    ("stored", "values"),
    [
        (b"M\xfcller", ()),
        (b"M\xfcller", ("",)),
        (b"M\xfcller", ("ISO_IR 6",)),
        (b"M\xfcller", ("ISO_IR 192",)),
        (b"M\xfcller", ("no such set",)),
        (b"M\xfcller", ("ISO_IR 100", "no such set")),
        (b"M\xfcller", ("", "ISO 2022 IR 87")),
        (b"\xa1", ("ISO_IR 127",)),
        (b"\x1b$B;3ED\x1b(B", ("ISO_IR 100",)),
        (b"\x1b-F\xc4", ("", "ISO 2022 IR 87")),
        (b"\x1b%G\xc3\xbc", ("ISO_IR 192",)),
        (b"\xc8\xab", ("", "ISO 2022 IR 149")),
    ],
)
def test_what_its_set_does_not_allow_is_not_guessed(stored: bytes, values: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"character set|escape|decode"):
        decode_strictly(stored, values, NAME_DELIMITERS)


def test_ascii_needs_no_set() -> None:
    assert decode_strictly(b"Anna", ("no such set",), NAME_DELIMITERS) == "Anna"


def test_an_equals_sign_ends_an_extension_in_a_name_alone() -> None:
    stored, values = b"\x1b-F\xc4=\xe9", ("ISO 2022 IR 100", "ISO 2022 IR 126")

    assert decode_strictly(stored, values, NAME_DELIMITERS) == "Δ=é"
    assert decode_strictly(stored, values, TEXT_DELIMITERS) == "Δ=ι"
