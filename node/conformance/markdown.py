"""Tables and paragraphs in Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

_WIDTH: Final = 116
_CODE: Final = "```"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table; a bar in a cell would end it and is escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def filled(text: str) -> str:
    """Break the lines of every paragraph anew; headings, tables and code stay."""
    parts = text.split(_CODE)
    # Every second part stands between two fences.
    return _CODE.join(part if place % 2 else _filled(part) for place, part in enumerate(parts))


def _filled(text: str) -> str:
    lines = []
    for is_prose, group in groupby(text.split("\n"), key=_is_prose):
        if is_prose:
            paragraph = " ".join(group)
            lines += textwrap.wrap(
                paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False
            )
        else:
            lines += group
    return "\n".join(lines)


def _is_prose(line: str) -> bool:
    return bool(line) and not line.startswith(("|", "#"))


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
