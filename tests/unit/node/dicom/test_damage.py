"""Damage that a sender or a network can do, each made by hand in a whole file."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import partial

import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import DeflatedExplicitVRLittleEndian

from node.dicom.integrity import check_part10
from node.errors import UnreadableDataSet
from tests.factories import ROWS, make_mammogram
from tests.part10_files import PIXEL_BYTES, check, encapsulated, part10, replaced


def explicit(tag: tuple[int, int], vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", *tag, vr, len(value)) + value


CHARACTER_SET = explicit((0x0008, 0x0005), b"CS", b"ISO_IR 100")


def with_character_set(vr: bytes, value: bytes, data: bytes) -> bytes:
    value += b" " * (len(value) % 2)
    if vr in (b"OB", b"SQ"):
        element = struct.pack("<HH2sHL", 0x0008, 0x0005, vr, 0, len(value)) + value
    else:
        element = explicit((0x0008, 0x0005), vr, value)
    return replaced(data, CHARACTER_SET, element)


def item_of(tag: tuple[int, int], content: bytes) -> bytes:
    """Give a sequence of undefined length with one such item."""
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + content + b"\xfe\xff\x0d\xe0\0\0\0\0"
    head = struct.pack("<HH2sHL", *tag, b"SQ", 0, 0xFFFFFFFF)
    return head + item + b"\xfe\xff\xdd\xe0\0\0\0\0"


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
    **{
        f"a character set of VR {vr.decode()}": partial(with_character_set, vr, value)
        for vr, value in [
            (b"US", b"\1\0"),
            (b"FD", bytes(8)),
            (b"IS", b"100 "),
            (b"PN", b"ISO_IR^100"),
            (b"OB", b"\1\2"),
            (b"SQ", b"\xfe\xff\x00\xe0\0\0\0\0"),
        ]
    },
    "a character set with a null in it": partial(with_character_set, b"CS", b"ISO\0IR 100"),
    "a character set with high characters": partial(with_character_set, b"CS", b"ISO_IR \xe4\xf6"),
    "a character set of two thousand bytes": partial(with_character_set, b"CS", b"ISO " * 500),
    "an item's character set with a null in it": lambda data: replaced(
        data,
        PATIENT_ID,
        PATIENT_ID + item_of((0x0010, 0x1002), explicit((0x0008, 0x0005), b"CS", b"ISO\0IR 100 ")),
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


def test_a_deflated_file_cut_anywhere_is_refused() -> None:
    data = part10(make_mammogram(transfer_syntax=DeflatedExplicitVRLittleEndian))

    for end in range(200, len(data) - 2, 97):
        with pytest.raises(UnreadableDataSet):
            check(data[:end])


def test_bytes_behind_a_deflated_data_set_are_refused() -> None:
    data = part10(make_mammogram(transfer_syntax=DeflatedExplicitVRLittleEndian))

    with pytest.raises(UnreadableDataSet, match="bytes follow"):
        check(data + b"xx")


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
