"""Damage that a sender or a network can do, each made by hand in a whole file."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import warnings
import zlib
from collections.abc import Callable

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
)

from node.dicom import part10_sources, part10_walk
from node.dicom.integrity import check_part10, native_pixel_bytes, scan_part10
from node.errors import UnreadableDataSet
from tests.factories import COLUMNS, JAPANESE_CHARACTER_SET, JAPANESE_NAME, ROWS, make_mammogram

NATIVE = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]
PIXEL_BYTES = ROWS * COLUMNS * 2


def part10(image: Dataset) -> bytes:
    buffer = io.BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def encapsulated() -> Dataset:
    image = make_mammogram(transfer_syntax=JPEGLosslessSV1)
    image.PixelData = encapsulate([b"\xff\xd8" + bytes(1000) + b"\xff\xd9"])
    image["PixelData"].VR = "OB"
    return image


def check(data: bytes) -> Dataset:
    return check_part10(io.BytesIO(data), len(data))


def replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) == 1, "the damage must hit one place"
    return data.replace(old, new)


@pytest.mark.parametrize("syntax", NATIVE)
def test_a_whole_file_gives_its_header_without_pixel_data(syntax: str) -> None:
    image = make_mammogram(transfer_syntax=syntax)

    header = check(part10(image))

    assert "PixelData" not in header
    assert header.file_meta.TransferSyntaxUID == syntax
    del image.PixelData
    assert header == image


@pytest.mark.parametrize("syntax", NATIVE)
def test_the_length_of_pixel_data_is_known(syntax: str) -> None:
    data = part10(make_mammogram(transfer_syntax=syntax))

    assert scan_part10(io.BytesIO(data), len(data)).pixel_bytes == PIXEL_BYTES


def test_the_length_of_encapsulated_pixel_data_is_that_of_its_fragments() -> None:
    data = part10(encapsulated())

    assert scan_part10(io.BytesIO(data), len(data)).pixel_bytes == 1004


def test_a_japanese_name_is_read_with_its_character_set() -> None:
    image = make_mammogram(
        patient_name=JAPANESE_NAME, specific_character_set=JAPANESE_CHARACTER_SET
    )

    assert check(part10(image)).PatientName == JAPANESE_NAME


@pytest.mark.parametrize("name", [b"ISO_IR 1000", b"gibberish  ", b"\xff\xfe\x00\x01abcdefg"])
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
    data = part10(report)

    assert scan_part10(io.BytesIO(data), len(data)).pixel_bytes is None


def explicit(tag: tuple[int, int], vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", *tag, vr, len(value)) + value


PATIENT_ID = explicit((0x0010, 0x0020), b"LO", b"MG-0001 ")

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "an empty file": lambda data: data[:0],
    "half a preamble": lambda data: data[:64],
    "no DICM prefix": lambda data: replaced(data, b"DICM", b"DICN"),
    "a JPEG picture": lambda data: b"\xff\xd8\xff\xe0" + data[4:128] + bytes(4000),
    "file meta without its group length": lambda data: data[:132] + data[144:],
    "a group length of twenty thousand bytes": lambda data: (
        data[:132] + b"\x02\0\0\0UL\x20\x4e" + b"\x01" * 20_000 + data[144:]
    ),
    "a group length that is too long": lambda data: data[:140] + b"\xff\xff\0\0" + data[144:],
    "a group length that is too short": lambda data: data[:140] + b"\x03\0\0\0" + data[144:],
    "an unknown transfer syntax": lambda data: replaced(
        data, b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0"
    ),
    "an unknown VR": lambda data: replaced(data, b"\x10\0\x20\0LO", b"\x10\0\x20\0??"),
    "a length beyond the file": lambda data: replaced(data, b"\x10\0\x10\0PN", b"\x10\0\x10\0UT"),
    "an undefined length of a text": lambda data: replaced(
        data,
        PATIENT_ID,
        b"\x10\0\x20\0UT\0\0\xff\xff\xff\xff",
    ),
    "an odd length of a US": lambda data: replaced(
        data, b"\x28\0\x10\0US\x02\0", b"\x28\0\x10\0US\x01\0"
    ),
    "an element out of order": lambda data: replaced(
        data, PATIENT_ID, explicit((0x0008, 0x0008), b"LO", b"MG-0001 ")
    ),
    "an element twice": lambda data: replaced(data, PATIENT_ID, PATIENT_ID * 2),
    "a command element": lambda data: replaced(
        data, PATIENT_ID, explicit((0x0000, 0x0900), b"US", b"\0\0") + PATIENT_ID
    ),
    "an item outside a sequence": lambda data: replaced(
        data, PATIENT_ID, PATIENT_ID + b"\xfe\xff\x00\xe0\0\0\0\0"
    ),
    "control characters in a number": lambda data: replaced(
        data, b"\x18\0\x60\0DS\x02\x0028", b"\x18\0\x60\0DS\x02\x00\x01\x02"
    ),
    "no SOP Instance UID": lambda data: replaced(data, b"\x08\0\x18\0UI", b"\x08\0\x19\0UI"),
    "one byte behind the end": lambda data: data + b"\0",
    "eight zero bytes behind the end": lambda data: data + bytes(8),
    "text behind the end": lambda data: data + b"GET / HTTP/1.1\r\n\r\n",
    "the last byte missing": lambda data: data[:-1],
    "half the pixels missing": lambda data: data[: -PIXEL_BYTES // 2],
    "all of Pixel Data missing": lambda data: data[: -PIXEL_BYTES - 12],
    "more pixels than Rows": lambda data: replaced(
        data, struct.pack("<H", ROWS) + b"\x28\0\x11\0", struct.pack("<H", 100) + b"\x28\0\x11\0"
    ),
    "encapsulation in a native syntax": lambda data: replaced(
        data, b"OW\0\0" + struct.pack("<L", PIXEL_BYTES), b"OW\0\0\xff\xff\xff\xff"
    ),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_refused(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UnreadableDataSet):
        check(damage(part10(make_mammogram())))


FRAGMENT_DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "no delimiter": lambda data: data[:-8],
    "half a delimiter": lambda data: data[:-4],
    "a delimiter with a length": lambda data: data[:-4] + b"\x02\0\0\0",
    "a fragment beyond the file": lambda data: replaced(
        data, b"\xec\x03\0\0\xff\xd8", b"\xff\xff\xff\x7f\xff\xd8"
    ),
    "a fragment of undefined length": lambda data: replaced(
        data, b"\xec\x03\0\0\xff\xd8", b"\xff\xff\xff\xff\xff\xd8"
    ),
    "a fragment that overruns its delimiter": lambda data: replaced(
        data, b"\xec\x03\0\0\xff\xd8", b"\xf0\x03\0\0\xff\xd8"
    ),
    "bytes behind the delimiter": lambda data: data + b"\0\0",
    "a defined length": lambda data: replaced(
        data, b"OB\0\0\xff\xff\xff\xff", b"OB\0\0" + struct.pack("<L", 1028)
    ),
}


def test_the_file_with_fragments_is_whole_before_it_is_damaged() -> None:
    assert check(part10(encapsulated())).Rows == ROWS


@pytest.mark.parametrize("damage", FRAGMENT_DAMAGE.values(), ids=FRAGMENT_DAMAGE.keys())
def test_damaged_fragments_are_refused(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UnreadableDataSet):
        check(damage(part10(encapsulated())))


def test_pixel_data_without_a_fragment_is_refused() -> None:
    image = encapsulated()
    image.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"

    with pytest.raises(UnreadableDataSet, match="no fragment"):
        check(part10(image))


def test_a_size_that_is_not_the_files_is_refused() -> None:
    data = part10(make_mammogram())

    with pytest.raises(UnreadableDataSet, match="announced"):
        check_part10(io.BytesIO(data), len(data) + 1)


def test_the_refusal_of_a_wrong_pixel_length_says_both_lengths() -> None:
    data = part10(make_mammogram(Rows=ROWS + 1))

    with pytest.raises(UnreadableDataSet, match=f"{PIXEL_BYTES} bytes .* {PIXEL_BYTES + 514}"):
        check(data)


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


def nested(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        item = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(inner)) + inner
        inner = b"\x08\0\x40\x11SQ\0\0" + struct.pack("<L", len(item)) + item
    return inner


@pytest.mark.parametrize("depth", [part10_walk.DEPTH_LIMIT + 1, 900])
def test_sequences_nested_too_deep_are_refused(depth: int) -> None:
    data = part10(make_mammogram())
    start = data.index(b"\x08\0\x18\x22SQ")  # AnatomicRegionSequence follows (0008,1140)

    with pytest.raises(UnreadableDataSet, match="deep"):
        check(data[:start] + nested(depth) + data[start:])


def test_sequences_within_the_depth_are_read() -> None:
    data = part10(make_mammogram())
    start = data.index(b"\x08\0\x18\x22SQ")

    header = check(data[:start] + nested(part10_walk.DEPTH_LIMIT) + data[start:])

    assert len(header.ReferencedImageSequence) == 1


def test_a_sequence_whose_item_overruns_it_is_refused() -> None:
    data = part10(make_mammogram())
    start = data.index(b"\x08\0\x18\x22SQ")
    sequence = bytearray(nested(2))
    sequence[8] -= 4  # the outer length

    with pytest.raises(UnreadableDataSet):
        check(data[:start] + bytes(sequence) + data[start:])


def test_a_header_of_a_hundred_thousand_elements_is_refused_at_once() -> None:
    data = part10(make_mammogram())
    private = b"".join(
        struct.pack("<HH2sH", group, 0x1000 + number, b"LO", 0)
        for group in (0x4001, 0x4003)
        for number in range(0xE000)
    )
    start = len(data) - PIXEL_BYTES - 12

    began = time.perf_counter()
    with pytest.raises(UnreadableDataSet, match="more than 100000 elements"):
        check(data[:start] + private + data[start:])
    assert time.perf_counter() - began < 2.0


def test_an_undefined_length_un_is_walked_as_implicit_vr() -> None:
    data = part10(make_mammogram())
    start = len(data) - PIXEL_BYTES - 12
    element = b"\x08\0\x50\x11\x04\0\0\0abcd"
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + element + b"\xfe\xff\x0d\xe0\0\0\0\0"
    whole = b"\x01\x40\x10\x10UN\0\0\xff\xff\xff\xff" + item + b"\xfe\xff\xdd\xe0\0\0\0\0"

    header = check(data[:start] + whole + data[start:])

    assert 0x40011010 not in header  # private and of unknown VR: walked, not kept


def test_a_large_value_is_left_out_of_the_header() -> None:
    image = make_mammogram()
    image.private_block(0x0051, "Phantom Works", create=True).add_new(
        1, "OB", bytes(part10_walk.LARGEST_KEPT_VALUE + 2)
    )

    header = check(part10(image))

    assert (0x0051, 0x1001) not in header
    assert (0x0051, 0x0010) in header


def test_a_deflated_file_cut_anywhere_is_refused() -> None:
    data = part10(make_mammogram(transfer_syntax=DeflatedExplicitVRLittleEndian))

    for end in range(200, len(data) - 2, 97):
        with pytest.raises(UnreadableDataSet):
            check(data[:end])


def test_bytes_behind_a_deflated_data_set_are_refused() -> None:
    data = part10(make_mammogram(transfer_syntax=DeflatedExplicitVRLittleEndian))

    with pytest.raises(UnreadableDataSet, match="bytes follow"):
        check(data + b"xx")


def test_a_deflated_bomb_is_refused_without_being_held_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(part10_sources, "INFLATED_LIMIT", 8 * 1024 * 1024)
    image = make_mammogram(transfer_syntax=DeflatedExplicitVRLittleEndian)
    meta_end = 144 + dcmread(io.BytesIO(part10(image))).file_meta.FileMetaInformationGroupLength
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = b"\x08\0\x05\0UN\0\0" + struct.pack("<L", 2**31) + bytes(64 * 1024 * 1024)
    bomb = part10(image)[:meta_end] + compressor.compress(body) + compressor.flush()

    tracemalloc.start()
    try:
        with pytest.raises(UnreadableDataSet):
            check(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


def test_a_whole_mammogram_is_checked_without_loading_its_pixels(tmp_path) -> None:
    path = tmp_path / "large.dcm"
    make_mammogram(rows=3328, columns=2560).save_as(path, enforce_file_format=True)

    with path.open("rb") as stream:
        tracemalloc.start()
        try:
            began = time.perf_counter()
            check_part10(stream, path.stat().st_size)
            seconds = time.perf_counter() - began
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak < 1024 * 1024
    assert seconds < 0.5


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


@pytest.mark.parametrize(
    "name",
    [
        "MR_truncated.dcm",
        "rtplan_truncated.dcm",
        "no_meta.dcm",
        "SC_rgb_jpeg.dcm",
        "MR_small_padded.dcm",
    ],
)
def test_broken_files_of_other_makers_are_refused(name: str) -> None:
    with open(get_testdata_file(name), "rb") as stream:  # noqa: PTH123
        data = stream.read()

    with pytest.raises(UnreadableDataSet):
        check(data)
