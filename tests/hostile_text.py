"""Texts that a peer may send where a name or a comment belongs."""

from __future__ import annotations

from typing import Final

ESCAPES: Final = {
    "terminal title": "\x1b]0;owned\x07",
    "cleared screen": "\x1b[2J\x1b[31m",
    "C1 control": "\x9b31m",
    "line break": "PACS\n2026-01-01T00:00:00Z [info     ] instance_received",
    "carriage return": "refused\raccepted",
    "backspaces": "refused\x08\x08\x08",
    "right to left": "\u202ecod.exe",
    "line separator": "one\u2028two",
    "NUL": "a\0b",
    "delete": "a\x7fb",
}
"""What steers a terminal, or makes one line look like two."""


def steers(text: str) -> bool:
    """Say whether something in ``text`` steers a terminal; line breaks are looked at elsewhere."""
    return not text.replace("\n", "").isprintable()
