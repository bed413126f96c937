"""The settings tree as a list: every setting by its path.

One walk serves the environment, the example file, the documentation and the
display, so that none of them can forget a setting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from config.settings import Settings

PREFIX: Final = "MGNODE_"
DELIMITER: Final = "__"
ANY_NAME: Final = "<name>"

Location = tuple[str, ...]
"""Path of a setting, for example ``("scp", "port")``."""


@dataclass(frozen=True)
class Setting:
    """One setting; ``ANY_NAME`` in its path stands for a name of the user's choice."""

    path: Location
    field: FieldInfo

    @property
    def dotted(self) -> str:
        """The path as the reports and the documentation write it."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + DELIMITER.join(
            word if word == ANY_NAME else word.upper() for word in self.path
        )

    @property
    def is_secret(self) -> bool:
        """Whether its value must never be shown."""
        return _holds(self.field.annotation, SecretStr)

    @property
    def is_json(self) -> bool:
        """Whether its variable holds JSON: a list or a table does not fit a plain word."""
        return get_origin(self.field.annotation) in (tuple, dict)

    @property
    def limits(self) -> str:
        """What values it may take, in words; empty when its type says all."""
        annotation = self.field.annotation
        if get_origin(annotation) is Literal:
            return ", ".join(str(value) for value in get_args(annotation))
        signs = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
        found = [
            f"{word} {getattr(constraint, name):g}"
            for constraint in self.field.metadata
            for name, word in signs.items()
            if getattr(constraint, name, None) is not None
        ]
        found += [
            f"at most {constraint.max_length} characters"
            for constraint in self.field.metadata
            if getattr(constraint, "max_length", None) is not None
        ]
        return ", ".join(found)

    def matches(self, path: Location) -> bool:
        """Say whether ``path`` is this setting, whatever name stands for ``ANY_NAME``."""
        return len(path) == len(self.path) and self._begins_with(path)

    def is_below(self, group: Location) -> bool:
        """Say whether this setting stands in ``group`` or deeper."""
        return len(group) < len(self.path) and self._begins_with(group)

    def _begins_with(self, path: Location) -> bool:
        return all(own in (ANY_NAME, word) for own, word in zip(self.path, path, strict=False))


def settings_of(group: type[BaseModel] = Settings, above: Location = ()) -> Iterator[Setting]:
    """Walk every setting below ``group``, in the order of the tree."""
    for name, field in group.model_fields.items():
        path = (*above, name)
        if (inner := group_at(field)) is not None:
            yield from settings_of(inner, path)
            continue
        yield Setting(path, field)
        if (row := row_of_table(field)) is not None:
            yield from settings_of(row, (*path, ANY_NAME))


def find(path: Location) -> Setting | None:
    """Return the setting at ``path``, or None when the tree has none there."""
    return next((setting for setting in settings_of() if setting.matches(path)), None)


def group_at(field: FieldInfo) -> type[BaseModel] | None:
    """Return the group that ``field`` opens, or None when it is a setting itself."""
    return _as_group(field.annotation)


def row_of_table(field: FieldInfo) -> type[BaseModel] | None:
    """Return the group of each row, when ``field`` is a table of groups by name."""
    if get_origin(field.annotation) is not dict:
        return None
    return _as_group(get_args(field.annotation)[1])


def _as_group(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def _holds(annotation: Any, wanted: type) -> bool:
    return annotation is wanted or any(_holds(part, wanted) for part in get_args(annotation))
