"""Where settings come from: a TOML file and the environment.

Both are read without stopping at the first problem, and both remember nothing
of a secret but its value.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from config.tree import DELIMITER, PREFIX, Location, Setting, find, settings_of

CONFIG_VARIABLE: Final = "MGNODE_CONFIG"
SECRET_SUFFIX: Final = "_FILE"  # noqa: S105 - the end of a variable's name, not a password


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the settings.

    Parameters
    ----------
    where : str
        Path of the setting, or the name of the variable or file.
    text : str
        What is wrong, without the value of a secret.
    origin : str
        File or variable it came from; empty where ``where`` says it.
    """

    where: str
    text: str
    origin: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.text}" + (f"; from {self.origin}" if self.origin else "")


@dataclass
class Reading:
    """What one source holds: nested values, who gave each, and what was wrong."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Location, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_file(path: Path) -> Reading:
    """Read a TOML file of settings; its keys are checked later, against the tree."""
    reading = Reading()
    try:
        reading.values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reading.problems.append(Problem(str(path), error.strerror or "cannot be read"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        # UnicodeDecodeError's own text quotes bytes of the file; only the place is told.
        text = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "not UTF-8"
        reading.problems.append(Problem(str(path), f"is not TOML: {text}"))
    _note_origins(reading, reading.values, (), str(path))
    return reading


def read_environment(environ: Mapping[str, str]) -> Reading:
    """Read the ``MGNODE_*`` variables of ``environ``; an empty one counts as not set."""
    reading = Reading()
    # Sorted: a whole table (MGNODE_DESTINATIONS) comes before its parts (..__PACS__PORT).
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or name == CONFIG_VARIABLE or not text:
            continue
        path = _path_of(name)
        setting = find(path)
        if setting is not None:
            _take(reading, setting, path, name, text)
        elif (path := _path_of(name.removesuffix(SECRET_SUFFIX))) and _is_secret(path):
            _take_secret(reading, path, name, Path(text), environ)
        else:
            reading.problems.append(Problem(name, _unknown(name)))
    return reading


def closest(word: str, known: list[str]) -> str:
    """Return ``"; did you mean ...?"`` for the nearest of ``known``, or nothing."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else ""


def _path_of(name: str) -> Location:
    return tuple(name.removeprefix(PREFIX).lower().split(DELIMITER))


def _is_secret(path: Location) -> bool:
    setting = find(path)
    return setting is not None and setting.is_secret


def _unknown(name: str) -> str:
    known = [setting.variable for setting in settings_of()]
    secret_files = [s.variable + SECRET_SUFFIX for s in settings_of() if s.is_secret]
    return "no setting has this variable" + closest(name, known + secret_files)


def _take(reading: Reading, setting: Setting, path: Location, name: str, text: str) -> None:
    value: object = text
    if setting.is_json:
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            form = '{"name": ...}' if "dict" in str(setting.field.annotation) else '["one", "two"]'
            problem = Problem(setting.dotted, f"is not JSON like {form}: {error.msg}", name)
            reading.problems.append(problem)
            return
    _put(reading, path, name, value)


def _take_secret(
    reading: Reading, path: Location, name: str, file: Path, environ: Mapping[str, str]
) -> None:
    plain = name.removesuffix(SECRET_SUFFIX)
    if environ.get(plain):
        reading.problems.append(Problem(name, f"is set beside {plain}; keep one of the two"))
        return
    try:
        value = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        reading.problems.append(Problem(name, f"{file}: {error.strerror}"))
        return
    except UnicodeDecodeError:
        reading.problems.append(Problem(name, f"{file}: not UTF-8"))
        return
    if not value:
        reading.problems.append(Problem(name, f"{file}: is empty"))
        return
    _put(reading, path, name, value)


def _put(reading: Reading, path: Location, name: str, value: object) -> None:
    *above, last = path
    table = reading.values
    for word in above:
        table = table.setdefault(word, {})
        if not isinstance(table, dict):
            return  # the JSON above it is no table, which the check of types reports
    table[last] = value
    reading.origins[path] = name


def _note_origins(reading: Reading, table: dict[str, Any], above: Location, origin: str) -> None:
    for key, value in table.items():
        reading.origins[(*above, key)] = origin
        if isinstance(value, dict):
            _note_origins(reading, value, (*above, key), origin)
