"""The settings in force, as TOML, with where each came from."""

from __future__ import annotations

from typing import Any

from config.loading import LoadedSettings
from config.toml import header, key, literal, values_of
from config.tree import Location


def as_toml(loaded: LoadedSettings) -> str:
    """Return the settings in force as TOML; secrets are masked.

    What is not at its default carries a comment with the file or variable
    that set it.
    """
    return "\n".join(_table(loaded, (), values_of(loaded.settings))).strip() + "\n"


def _table(loaded: LoadedSettings, path: Location, values: dict[str, Any]) -> list[str]:
    lines = ["", header(path)] if path else []
    tables = {name: value for name, value in values.items() if isinstance(value, dict)}
    for name, value in values.items():
        if name not in tables:
            origin = loaded.origin((*path, name))
            note = "" if origin == "default" else f"  # {origin}"
            lines.append(f"{key(name)} = {literal(value)}{note}")
    for name, value in tables.items():
        lines += _table(loaded, (*path, name), value)
    return lines
