"""The example file and the documentation page, both written from the settings tree."""

from __future__ import annotations

import sys
import textwrap
from importlib import resources
from itertools import groupby
from typing import Any

from config.profiles import STANDARD
from config.settings import Settings
from config.toml import header, key, literal, values_of
from config.tree import ANY_NAME, Location, Setting, group_at, settings_of

EXAMPLE_FILE = "mgnode.example.toml"

_EXAMPLE_HEAD = """\
# Every setting of mgnode, with its default. Take the '#' off a line that begins
# '#name = ' and change it. An environment variable goes before this file:
# MGNODE_SCP__PORT sets scp.port; MGNODE_DATABASE__URL_FILE names a file that holds
# the secret database.url. `mgnode config check` tells every mistake at once.
"""

_PAGE_HEAD = """\
# Settings

Three sources, the first that has a value wins: environment variables, the TOML file (`--config
FILE`, or the variable `MGNODE_CONFIG`), the default. Every name must exist and every value must
fit, or nothing starts: `mgnode config check` lists all problems at once, each by its path and by
the file or variable it came from. `mgnode config show` prints what is in force, secrets masked,
with its origin; `mgnode config example` prints a file with every default, ready to edit.

- A variable is the path in capitals with `__` between the words: `scp.port` is `MGNODE_SCP__PORT`.
  An empty variable counts as not set.
- A list or a table in a variable is JSON: `MGNODE_SCP__NETWORKS='["10.1.0.0/16"]'`. A table given
  whole replaces the file's.
- A secret may lie in a file: `MGNODE_DATABASE__URL_FILE=/run/secrets/database_url`.
- Paths are taken from the folder that the process starts in.
- In the file, an empty text means "not set" where the default is "not set".

*This page is written from the settings tree (`make docs`); a test compares the two.*
"""


def example_toml() -> str:
    """Return the example file: every setting, commented out, at its default."""
    defaults = values_of(Settings())
    blocks = [_EXAMPLE_HEAD.rstrip()]
    for group, settings in groupby(settings_of(), key=_group_of):
        blocks.append(_block(group, list(settings), defaults[group[0]]))
    return "\n\n".join(blocks) + "\n"


def settings_page() -> str:
    """Return docs/settings.md."""
    parts = [_PAGE_HEAD.rstrip()]
    for group, settings in groupby(settings_of(), key=_group_of):
        rows = [_row(setting) for setting in settings]
        table = ["| setting | default | what it does |", "|---|---|---|", *rows]
        parts.append(f"## {group[0]}\n\n{_sentence(group)}\n\n" + "\n".join(table))
    return "\n\n".join(parts) + "\n"


def packaged_example() -> str:
    """Return the example file as it was installed."""
    return resources.files("config").joinpath(EXAMPLE_FILE).read_text(encoding="utf-8")


def _group_of(setting: Setting) -> Location:
    return setting.path[:1]


def _sentence(group: Location) -> str:
    field = Settings.model_fields[group[0]]
    inner = group_at(field)
    return ((inner.__doc__ if inner else field.description) or "").strip()


def _block(group: Location, settings: list[Setting], defaults: Any) -> str:
    lines = [f"# {_sentence(group)}", header(group)]
    opened: Location = ()
    # A line below a table's header belongs to that table: inner tables come last.
    for setting in sorted(settings, key=lambda each: len(each.path)):
        table = setting.path[:-1]
        if ANY_NAME not in setting.path:
            if len(table) > 1 and table != opened:
                opened = table
                lines += ["", header(table)]
            lines += _lines(setting, group, _at(defaults, table[1:]))
            continue
        if table != opened:
            opened = table
            name = STANDARD if group[0] == "profiles" else "pacs"
            lines.append(f"# {header(name if word == ANY_NAME else word for word in table)}")
        lines.append(f"# {setting.path[-1]} = {literal(_sample(setting))}  # {_words(setting)}")
    return "\n".join(lines)


def _at(values: Any, words: Location) -> Any:
    for word in words:
        values = values[word]
    return values


def _lines(setting: Setting, group: Location, defaults: Any) -> list[str]:
    if setting.path == group:  # a table: its rows have no default, only an example
        rows = setting.field.examples or [{}]
        return [f"# {key(name)} = {literal(row)}" for name, row in rows[0].items()]
    words = textwrap.fill(_words(setting), 96, initial_indent="# ", subsequent_indent="# ")
    return [words, f"#{setting.path[-1]} = {literal(defaults[setting.path[-1]])}"]


def _sample(setting: Setting) -> Any:
    """Give a value for a row of a table: its default, or an example where it has none."""
    if setting.field.is_required():
        return (setting.field.examples or [None])[0]
    default = setting.field.get_default(call_default_factory=False)
    return list(default) if isinstance(default, tuple) else default


def _words(setting: Setting) -> str:
    limits = setting.limits
    return (setting.field.description or "") + (f" ({limits})" if limits else "")


def _row(setting: Setting) -> str:
    if setting.field.is_required():
        default = "required"
    elif ANY_NAME in setting.path:
        default = f"`{literal(_sample(setting))}`"
    else:
        value = setting.field.get_default(call_default_factory=False)
        default = "not set" if value is None else f"`{literal(_plain(setting))}`"
    return f"| `{setting.dotted}` | {default} | {_words(setting)} |"


def _plain(setting: Setting) -> Any:
    return _at(values_of(Settings()), setting.path)


if __name__ == "__main__":
    sys.stdout.write(settings_page() if "--page" in sys.argv else example_toml())
