"""Data sets whose structure, numbers or UIDs are wrong: damaged, or written to hurt."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from pydicom import Dataset

from tests.factories import make_mammogram
from tests.hostile import MISMATCH, STORED, UNREADABLE, Hostile, element, image, put, with_element
from tests.part10_files import part10


def nested(depth: int, *, defined: bool = True) -> bytes:
    if not defined:
        return (
            element(0x00081140, b"SQ", b"", 0xFFFFFFFF)
            + (b"\xfe\xff\0\xe0\xff\xff\xff\xff" + element(0x00081140, b"SQ", b"", 0xFFFFFFFF))
            * depth
        )
    inner = b""
    for _ in range(depth):
        inner = element(
            0x00081140, b"SQ", b"\xfe\xff\0\xe0" + struct.pack("<L", len(inner)) + inner
        )
    return inner


def deep(depth: int, *, defined: bool = True) -> Callable[[str], bytes]:
    return lambda uid: put(image()(uid), 0x00081140, nested(depth, defined=defined))


def edited(edit: Callable[[bytes], bytes]) -> Callable[[str], bytes]:
    return lambda uid: edit(image()(uid))


PATIENT_ID: Final = element(0x00100020, b"LO", b"MG-0001 ")
STRUCTURE: Final = (
    Hostile("sequences 33 deep", deep(33), UNREADABLE),
    Hostile("sequences 3000 deep", deep(3000), UNREADABLE),
    Hostile("sequences 3000 deep without lengths", deep(3000, defined=False), UNREADABLE),
    Hostile(
        "a value of four gigabytes",
        with_element(0x00091010, b"OB", b"", 0xFFFFFFF0),
        UNREADABLE,
    ),
    Hostile(
        "a sequence of four gigabytes",
        with_element(0x00081140, b"SQ", b"", 0xFFFFFFF0),
        UNREADABLE,
    ),
    Hostile("a VR that is none", with_element(0x00091010, b"??", b"ab"), UNREADABLE),
    Hostile("a US of three bytes", with_element(0x00280010, b"US", b"abc"), UNREADABLE),
    Hostile("a text of odd length", with_element(0x00081030, b"LO", b"odd"), STORED),
    Hostile(
        "an element twice", edited(lambda d: d.replace(PATIENT_ID, PATIENT_ID * 2)), UNREADABLE
    ),
    Hostile(
        "an element out of order",
        edited(lambda d: d.replace(PATIENT_ID, PATIENT_ID + element(0x00080050, b"SH", b"12"))),
        UNREADABLE,
    ),
    Hostile(
        "file meta in the data set",
        edited(lambda d: element(0x00020010, b"UI", b"1.2.840.10008.1.2\0") + d),
        UNREADABLE,
    ),
    Hostile("a whole file as data set", lambda _: part10(make_mammogram()), UNREADABLE),
    Hostile("no data set but zeros", lambda _: bytes(5000), UNREADABLE),
    Hostile(
        "a hundred thousand elements",
        edited(
            lambda d: put(
                d,
                0x40010010,
                b"".join(element(0x40010010 + n, b"LO", b"") for n in range(50_001))
                + b"".join(element(0x40030010 + n, b"LO", b"") for n in range(50_001)),
            )
        ),
        UNREADABLE,
    ),
)

PIXELS: Final = (
    Hostile("a byte too few", edited(lambda d: d[:-1]), UNREADABLE),
    Hostile("a byte too many", edited(lambda d: d + b"\0"), UNREADABLE),
    Hostile("a row that is not there", image(Rows=332), UNREADABLE),
    Hostile("no rows", image(Rows=0), STORED, ("IMAGE_SIZE",)),
    Hostile("46341 x 46341 pixels in nothing", image(Rows=46341, Columns=46341), UNREADABLE),
    Hostile("64 bits allocated", image(BitsAllocated=64), UNREADABLE),
    Hostile(
        "64 bits allocated, and all there",
        lambda uid: image(
            BitsAllocated=64, BitsStored=64, HighBit=63, PixelData=bytes(331 * 257 * 8)
        )(uid),
        STORED,
        ("BIT_DEPTH",),
    ),
    Hostile("two billion frames", image(NumberOfFrames="2147483647"), UNREADABLE),
    Hostile("as many frames as an IS can say", image(NumberOfFrames="999999999999"), UNREADABLE),
    Hostile("a negative number of frames", image(NumberOfFrames="-1"), STORED, ("MULTI_FRAME",)),
)

GREY_SCALES: Final = (
    Hostile("a window that is no number", with_element(0x00281050, b"DS", b"NaN "), STORED),
    Hostile("an infinite window", with_element(0x00281051, b"DS", b"inf "), STORED),
    Hostile("a window of no width", with_element(0x00281051, b"DS", b"0 "), STORED),
    Hostile("a negative slope", with_element(0x00281053, b"DS", b"-1"), STORED),
    Hostile("a slope of 1e308", with_element(0x00281053, b"DS", b"1e308 "), STORED),
    Hostile(
        "a table whose 65536 entries are missing",
        lambda uid: image(
            WindowCenter=None,
            WindowWidth=None,
            VOILUTSequence=[lookup_table(0, b"")],
        )(uid),
        STORED,
    ),
    Hostile(
        "a table that lacks its last entry",
        lambda uid: image(
            WindowCenter=None,
            WindowWidth=None,
            VOILUTSequence=[lookup_table(4096, bytes(2 * 4095))],
        )(uid),
        STORED,
    ),
)


def lookup_table(entries: int, data: bytes) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [entries, 0, 16])
    item.add_new("LUTData", "OW", data)
    return item


UIDS: Final = {
    "a path": "../../../etc/passwd",
    "an absolute path": "/etc/passwd",
    "65 characters": "1." + "2" * 63,
    "letters": "1.2.abc",
    "empty": "",
    "a blank": " ",
    "two": "1.2.3\\1.2.4",
    "SQL": "1.2'; DROP TABLE instance; --",
    "a line break": "1.2\r\n1.3",
}
UID_TAGS: Final = {
    "SOP Instance": 0x00080018,
    "Study Instance": 0x0020000D,
    "Series Instance": 0x0020000E,
}
NO_UIDS: Final = tuple(
    Hostile(
        f"{which} UID: {name}",
        with_element(tag, b"UI", value.encode() + b"\0" * (len(value) % 2)),
        # A control character is damage of any UI; of the rest, two values of the UID that
        # names the object are, too.
        UNREADABLE
        if "\n" in value or (tag == 0x00080018 and value.strip() in ("", UIDS["two"]))
        else MISMATCH,
    )
    for which, tag in UID_TAGS.items()
    for name, value in UIDS.items()
)
PADDED_UIDS: Final = tuple(
    Hostile(
        f"a Study Instance UID with {name} behind it",
        with_element(0x0020000D, b"UI", b"1.2.3.44" + padding),
        STORED,
    )
    for name, padding in {"NULs": bytes(4), "blanks": b"    "}.items()
)


HEADERS: Final = (*STRUCTURE, *PIXELS, *GREY_SCALES, *NO_UIDS, *PADDED_UIDS)
