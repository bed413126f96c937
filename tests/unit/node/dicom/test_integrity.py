"""A whole file gives its header; what is odd in it and no damage is left alone."""

from __future__ import annotations

import struct
import warnings

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from node.dicom.integrity import native_pixel_bytes
from tests.factories import COLUMNS, JAPANESE_CHARACTER_SET, JAPANESE_NAME, ROWS, make_mammogram
from tests.part10_files import PIXEL_BYTES, check, part10, replaced

NATIVE = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


@pytest.mark.parametrize("syntax", NATIVE)
def test_a_whole_file_gives_its_header_without_pixel_data(syntax: str) -> None:
    image = make_mammogram(transfer_syntax=syntax)

    header = check(part10(image))

    assert "PixelData" not in header
    assert header.file_meta.TransferSyntaxUID == syntax
    del image.PixelData
    assert header == image


def test_a_japanese_name_is_read_with_its_character_set() -> None:
    image = make_mammogram(
        patient_name=JAPANESE_NAME, specific_character_set=JAPANESE_CHARACTER_SET
    )

    assert check(part10(image)).PatientName == JAPANESE_NAME


@pytest.mark.parametrize("name", [b"ISO_IR 1000", b"gibberish  ", b"\\\\\\ISO 2022"])
def test_a_character_set_that_does_not_exist_is_no_damage(name: bytes) -> None:
    data = part10(make_mammogram(specific_character_set="ISO_IR 100"))
    wrong = name[:10].ljust(10)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        header = check(replaced(data, b"ISO_IR 100", wrong))

    assert header.PatientID == "MG-0001"


def test_a_date_that_is_none_is_no_damage() -> None:
    header = check(replaced(part10(make_mammogram()), b"19610203", b"1961.2.3"))

    assert header.get_item("PatientBirthDate").value == b"1961.2.3"


def test_a_number_of_frames_with_forty_thousand_digits_counts_as_one() -> None:
    """int() refuses so many; the value is wrong, and the file is whole."""
    frames = b"\x28\0\x08\0IS" + struct.pack("<H", 40_000) + b"9" * 40_000
    rows = b"\x28\0\x10\0US"

    assert check(replaced(part10(make_mammogram()), rows, frames + rows)).Rows == ROWS


def test_a_report_has_no_pixel_data_and_is_whole() -> None:
    report = make_mammogram(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.50", PixelData=None, ContentSequence=[Dataset()]
    )

    assert check(part10(report)).SOPClassUID == report.SOPClassUID


def test_an_odd_number_of_pixel_bytes_is_padded_to_even() -> None:
    image = make_mammogram(BitsAllocated=8, BitsStored=8, HighBit=7)
    image.PixelData = bytes(ROWS * COLUMNS + 1)

    assert native_pixel_bytes(check(part10(image))) == ROWS * COLUMNS


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, PIXEL_BYTES),
        ({"NumberOfFrames": 3}, 3 * PIXEL_BYTES),
        ({"SamplesPerPixel": 3}, 3 * PIXEL_BYTES),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "YBR_FULL_422"}, 2 * PIXEL_BYTES),
        ({"BitsAllocated": 1}, (ROWS * COLUMNS + 7) // 8),
        ({"Rows": None}, None),
        ({"BitsAllocated": 0}, None),
    ],
)
def test_the_length_of_native_pixel_data(
    attributes: dict[str, object], expected: int | None
) -> None:
    report = make_mammogram(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.50",
        PixelData=None,
        ContentSequence=[Dataset()],
        **attributes,
    )

    assert native_pixel_bytes(check(part10(report))) == expected


def test_an_undefined_length_un_is_walked_as_implicit_vr() -> None:
    data = part10(make_mammogram())
    start = len(data) - PIXEL_BYTES - 12
    element = b"\x08\0\x50\x11\x04\0\0\0abcd"
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + element + b"\xfe\xff\x0d\xe0\0\0\0\0"
    whole = b"\x01\x40\x10\x10UN\0\0\xff\xff\xff\xff" + item + b"\xfe\xff\xdd\xe0\0\0\0\0"

    header = check(data[:start] + whole + data[start:])

    assert 0x40011010 not in header  # private and of unknown VR: walked, not kept


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "ExplVR_BigEnd.dcm",
        "JPEG2000-embedded-sequence-delimiter.dcm",
        "MR_small_implicit.dcm",
        "MR_small_RLE.dcm",
        "SC_rgb_small_odd.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
        "examples_ybr_color.dcm",
        "image_dfl.dcm",
        "reportsi.dcm",
    ],
)
def test_files_of_other_makers_are_whole_and_keep_their_values(name: str) -> None:
    path = get_testdata_file(name)
    with open(path, "rb") as stream:  # noqa: PTH123
        data = stream.read()

    header = check(data)

    expected = dcmread(path)
    expected.pop("PixelData", None)
    assert header == expected
