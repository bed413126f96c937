"""Texts that steer terminals, pages, databases and logs, wherever a sender may write one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.factories import stable_uid
from tests.hostile import MIB, STORED, Hostile, element, image, put, with_element
from tests.hostile_text import ESCAPES

TEXTS: Final = {
    **ESCAPES,
    "XSS": "<script>alert(1)</script>",
    "an attribute": '" onload="alert(1)',
    "SQL": "'); DROP TABLE audit_event; --",
    "a template": "{{7*7}}${7*7}%s%n",
    "markup": "[bold red]x[/bold red]",
    "a lone surrogate": "\udce4\udcf6",
}
TEXT_TAGS: Final = {
    0x00080050: b"SH",
    0x00080070: b"LO",
    0x00080080: b"LO",
    0x00080081: b"ST",
    0x00080090: b"PN",
    0x00081010: b"SH",
    0x00081030: b"LO",
    0x0008103E: b"LO",
    0x00081090: b"LO",
    0x00100010: b"PN",
    0x00100020: b"LO",
    0x00104000: b"LT",
    0x00200010: b"SH",
}
"""Texts of patient, study, series and equipment."""
CODE_TAGS: Final = {0x00185101: b"CS", 0x00200062: b"CS"}
"""View Position and Image Laterality: a code that is none counts as absent."""


def speaking(text: str) -> Callable[[str], bytes]:
    """Give an image that says a text wherever it may say one."""
    value = text.encode("utf-8", "surrogateescape")
    value += b" " * (len(value) % 2)

    def make(uid: str) -> bytes:
        data = image()(uid)
        for tag, vr in {**TEXT_TAGS, **CODE_TAGS}.items():
            data = put(data, tag, element(tag, vr, value))
        # A study and a patient of its own: the identity differs from the other cases'.
        study = stable_uid("hostile study", text.encode("utf-8", "replace").decode()).encode()
        return put(data, 0x0020000D, element(0x0020000D, b"UI", study + b"\0" * (len(study) % 2)))

    return make


SPEECH: Final = tuple(
    Hostile(f"every text is {name}", speaking(text), STORED) for name, text in TEXTS.items()
)
LONG: Final = (
    Hostile(
        "a comment of ten megabytes",
        with_element(0x00204000, b"UT", b"x" * (10 * MIB)),
        STORED,
    ),
    Hostile("a name of 65534 letters", with_element(0x00100010, b"PN", b"x" * 65534), STORED),
)
