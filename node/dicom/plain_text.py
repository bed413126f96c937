"""The node's own words, in letters that every character set of DICOM holds."""

from __future__ import annotations

import re
from typing import Final

LO_LENGTH: Final = 64
SH_LENGTH: Final = 16
ST_LENGTH: Final = 1024

# The backslash separates values in most VRs, and ISO_IR 13 draws it and the tilde
# as a yen sign and an overline.
_REPLACED: Final = str.maketrans({"\\": "/", "~": "-"})

# PS3.5 6.2, VR CS; and a UID.
_CODE: Final = re.compile(r"[A-Z0-9_ ]{1,16}|[0-9.]{1,64}")


def shown(value: str) -> str:
    """Give a header's value for a text that others read: a code or a UID, nothing else.

    A value may hold anything, a name too, where its attribute should hold a code.
    """
    if not value:
        return "absent"
    return value if _CODE.fullmatch(value) else "is no code"


def plain(text: str, length: int | None = None) -> str:
    """Give ``text`` in printable ASCII on one line, at most ``length`` characters.

    A result keeps its source's SpecificCharacterSet, whatever that is, so our own
    text must not need another one; a letter outside ASCII becomes ``?``.
    """
    ascii_text = text.encode("ascii", "replace").decode("ascii").translate(_REPLACED)
    printable = "".join(letter if letter.isprintable() else " " for letter in ascii_text)
    return " ".join(printable.split())[:length].rstrip()
