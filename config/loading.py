"""Load the settings: environment over file over default, all problems at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource
from typing_extensions import override

from config.settings import Settings
from config.sources import (
    CONFIG_VARIABLE,
    Problem,
    Reading,
    closest,
    read_environment,
    read_file,
)
from config.tree import Location, find, settings_of

MOST_SHOWN = 80
"""Characters of a rejected value that a report shows."""


class SettingsError(Exception):
    """The settings do not hold; the text lists every problem, one a line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"{count} in the settings:{lines}")
        self.problems = problems


@dataclass(frozen=True)
class LoadedSettings:
    """The settings in force and where each came from."""

    settings: Settings
    origins: dict[Location, str]

    def origin(self, path: Location) -> str:
        """Return the file or variable that set ``path``, or ``"default"``."""
        return _origin(self.origins, path) or "default"


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Load the settings in force.

    Parameters
    ----------
    path : Path or None
        TOML file; None: the one that ``MGNODE_CONFIG`` names, or none at all.
    environ : Mapping
        The process environment; only names that begin with ``MGNODE_`` count.

    Raises
    ------
    SettingsError
        With all problems of all sources. It never holds the value of a secret.
    """
    return load_with_origins(path, environ).settings


def load_with_origins(path: Path | None, environ: Mapping[str, str]) -> LoadedSettings:
    """Load the settings in force as `load_settings`, and remember who set what."""
    if path is None and environ.get(CONFIG_VARIABLE):
        path = Path(environ[CONFIG_VARIABLE])
    environment = read_environment(environ)
    file = Reading() if path is None else read_file(path)
    for name in (path[0] for path in environment.origins if len(path) == 1):
        # A table given whole replaces the file's: results must not go to a
        # destination that the administrator believes to have overwritten.
        file.values.pop(name, None)
        file.origins = {path: who for path, who in file.origins.items() if path[0] != name}
    origins = {**file.origins, **environment.origins}
    problems = [*file.problems, *environment.problems]

    class Sources(Settings, BaseSettings):
        @classmethod
        @override
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (
                InitSettingsSource(settings_cls, environment.values),
                InitSettingsSource(settings_cls, file.values),
            )

    try:
        merged = Sources()
    except ValidationError as error:
        for found in error.errors():
            # Pydantic marks a wrong key by a last word "[key]"; the key stands before it.
            at = tuple(str(word) for word in found["loc"] if word != "[key]")
            text = _text(at, found["type"], found["msg"], found["input"])
            problems.append(Problem(".".join(at), text, _origin(origins, at)))
    if problems:
        raise SettingsError(tuple(problems))
    groups = {name: getattr(merged, name) for name in Settings.model_fields}
    return LoadedSettings(Settings(**groups), origins)


def _origin(origins: dict[Location, str], path: Location) -> str:
    for length in range(len(path), 0, -1):
        if path[:length] in origins:
            return origins[path[:length]]
    return ""


def _text(path: Location, kind: str, message: str, value: object) -> str:
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        beside = [s.path[: len(path)] for s in settings_of() if s.is_below(path[:-1])]
        return "no such setting" + closest(path[-1], [words[-1] for words in beside])
    text = message.removeprefix("Value error, ")
    if _may_be_shown(path) and isinstance(value, str | int | float):
        text += f" (it is {value!r:.{MOST_SHOWN}})"
    return text


def _may_be_shown(path: Location) -> bool:
    # Only the value of a known setting that is no secret; a list's item stands below it.
    setting = find(path) or find(path[:-1])
    return setting is not None and not setting.is_secret
