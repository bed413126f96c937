"""Text of others on a terminal: what would steer it is written out instead.

A peer chooses its AE title, its error comment and much else. A terminal obeys escape
sequences, a line break makes a log line of its own, and marks of writing direction turn
around what stands there.
"""

from __future__ import annotations

import json


def printable(text: str) -> str:
    r"""Write every character that cannot be seen as an escape, ``\x1b``, ``\n`` or ``\u202e``."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def printable_json(text: str) -> str:
    """Escape the same characters in a JSON text; its own line breaks stay."""
    return "".join(
        each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text
    )
