"""Write settings as TOML, with the words that explain them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from config.settings import Settings


def literal(value: Any) -> str:
    """Write a value of ``model_dump(mode="json")`` as a TOML value; None as ``""``."""
    if value is None:
        return '""'
    if isinstance(value, list):
        return f"[{', '.join(literal(item) for item in value)}]"
    if isinstance(value, dict):
        pairs = (f"{key(name)} = {literal(item)}" for name, item in value.items())
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    # JSON's texts, numbers and booleans are TOML's, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def header(path: Iterable[str]) -> str:
    """Write the line that opens a table."""
    return f"[{'.'.join(key(word) for word in path)}]"


def values_of(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain JSON values; a secret that is set shows as asterisks."""
    return settings.model_dump(mode="json")


def key(word: str) -> str:
    """Write a key, in quotes where TOML wants them: an AE title may hold a blank."""
    is_bare = word.isascii() and word.replace("-", "").replace("_", "").isalnum()
    return word if is_bare else literal(word)
