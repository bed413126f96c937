"""Specific Character Set is read as it stands, misspelt or not, and never warns."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from node.dicom.character_sets import codecs, declared, decode


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
