"""Headers in every character set of DICOM, well declared and badly, as bytes."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Any, Final, NamedTuple

from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from node.dicom.part10 import to_bytes
from tests.factories import make_mammogram

JAPANESE: Final = (
    b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
)
KOREAN: Final = (
    b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"
)


class Written(NamedTuple):
    """Specific Character Set and Patient Name as they lie in a file; what the name says.

    ``says`` is empty where nobody can know.
    """

    character_set: bytes | None
    name: bytes
    says: str


def _written(character_set: str, says: str, codec: str) -> Written:
    return Written(character_set.encode(), says.encode(codec), says)


SETS: Final[dict[str, Written]] = {
    "none": Written(None, b"Example^Anna", "Example^Anna"),
    "IR 100": _written("ISO_IR 100", "Müller^Änne", "latin-1"),
    "IR 101": _written("ISO_IR 101", "Wałęsa^Żaneta", "iso8859-2"),
    "IR 109": _written("ISO_IR 109", "Ċensu^Ġużeppa", "iso8859-3"),
    "IR 110": _written("ISO_IR 110", "Ķēniņš^Ļūba", "iso8859-4"),
    "IR 144": _written("ISO_IR 144", "Люкceмбypг", "iso8859-5"),
    "IR 127": _written("ISO_IR 127", "قباني^لنزار", "iso8859-6"),
    "IR 126": _written("ISO_IR 126", "Διονυσιος", "iso8859-7"),
    "IR 138": _written("ISO_IR 138", "שרון^דבורה", "iso8859-8"),
    "IR 148": _written("ISO_IR 148", "Çavuşoğlu^İpek", "iso8859-9"),
    "IR 166": _written("ISO_IR 166", "นามสกุล^ชื่อ", "tis-620"),
    "IR 203": _written("ISO_IR 203", "Élise^Œuvré", "iso8859-15"),
    "IR 13": _written("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ", "shift_jis"),
    "IR 192": _written("ISO_IR 192", "Wang^XiaoDong=王^小东", "utf-8"),
    "GB18030": _written("GB18030", "Wang^XiaoDong=王^小东", "gb18030"),
    "GBK": _written("GBK", "Wang^XiaoDong=王^小东", "gbk"),
    "IR 87": Written(b"\\ISO 2022 IR 87", JAPANESE, "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "IR 13 and 87": Written(
        b"ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
    ),
    "IR 149": Written(b"\\ISO 2022 IR 149", KOREAN, "Hong^Gildong=洪^吉洞=홍^길동"),
    "IR 58": Written(
        b"\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab",
        "Zhang^XiaoDong=张^小东",
    ),
    "IR 100 and 126": Written(
        b"ISO 2022 IR 100\\ISO 2022 IR 126", b"M\xfcller^\x1b-F\xc4\xe9\xef", "Müller^Διο"
    ),
    "ISO-IR 100": Written(b"ISO-IR 100", b"M\xfcller^\xc4nne", "Müller^Änne"),
    "lower case": Written(b"iso_ir 100", b"M\xfcller^\xc4nne", "Müller^Änne"),
    "trailing blanks": Written(b"ISO_IR 100    ", b"M\xfcller^\xc4nne", "Müller^Änne"),
    "a blank too few": Written(b"\\ISO 2022IR87", JAPANESE, "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "IR 6 with more": Written(
        b"ISO 2022 IR 6\\ISO 2022 IR 149", KOREAN, "Hong^Gildong=洪^吉洞=홍^길동"
    ),
    "empty": Written(b"", b"Example^Anna", "Example^Anna"),
    "undeclared": Written(None, b"M\xfcller^\xc4nne", ""),
    "declared wrongly": Written(b"ISO_IR 192", b"M\xfcller^\xc4nne", ""),
    "unknown": Written(b"ISO_IR 4711", b"M\xfcller^\xc4nne", ""),
}
REGULAR: Final = [name for name in list(SETS)[1:21] if name != "IR 203"]
"""Well declared, and known to pydicom and DCMTK; ISO_IR 203 is too young for them."""


def header_in(written: Written, **values: Any) -> Dataset:
    """Make an image's header, read from a file, in one of ``SETS``."""
    attributes = {"ReferringPhysicianName": None, "StudyDescription": None, **values}
    image = make_mammogram(specific_character_set=None, **attributes)
    del image.PixelData
    set_raw(image, "PatientName", "PN", written.name)
    set_raw(image, "ReferringPhysicianName", "PN", written.name)
    set_raw(image, "OtherPatientNames", "PN", written.name)
    if written.character_set is not None:
        set_raw(image, "SpecificCharacterSet", "CS", written.character_set)
    return read(to_bytes(image))


def read(content: bytes) -> Dataset:
    """Read a file without pydicom's warnings about odd character sets."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(BytesIO(content))


def set_raw(dataset: Dataset, keyword: str, vr: str, value: bytes) -> None:
    """Give a data set an element as if it had been read from a file."""
    tag = Tag(keyword)
    value += b" " * (len(value) % 2)
    dataset[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)
