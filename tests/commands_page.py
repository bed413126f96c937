"""Write docs/commands.md from the command line itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import typer

from workers.cli import app

ON_EVERY_COMMAND = ("help", "config")
HEAD = """\
# Commands

Every command takes `--help`, and those that read settings take `--config FILE` (`-c`); without it
they read the file that the variable `MGNODE_CONFIG` names. Exit status: 0 done; 1 it did not work
out; 2 the command line, the settings or the installation must be changed first.

*This page is written from the command line itself (`make docs`); a test compares the two.*
"""


def commands(command: Any = None, name: str = "mgnode") -> Iterator[tuple[str, Any]]:
    """Walk every command that does something, with its name as a person types it."""
    command = typer.main.get_command(app) if command is None else command
    if not hasattr(command, "commands"):
        yield name, command
        return
    for word, inner in command.commands.items():
        yield from commands(inner, f"{name} {word}")


def commands_page() -> str:
    """Return docs/commands.md."""
    return HEAD + "".join(_section(name, command) for name, command in commands())


def _section(name: str, command: Any) -> str:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [
        param for param in command.params if param.param_type_name == "option" and not param.hidden
    ]
    usage = " ".join([name, *(_placeholder(param) for param in arguments)])
    lines = [f"- `{_placeholder(param)}`: {param.help}" for param in arguments]
    lines += [
        f"- `{', '.join(param.opts)}`: {param.help}"
        for param in options
        if param.name not in ON_EVERY_COMMAND
    ]
    text = " ".join(command.help.split("\n\n")[0].split())
    parts = [f"## `{usage}`", text, *(["\n".join(lines)] if lines else [])]
    return "\n" + "\n\n".join(parts) + "\n"


def _placeholder(param: Any) -> str:
    word = param.metavar or param.name.upper()
    return word if param.required else f"[{word}]"


if __name__ == "__main__":
    sys.stdout.write(commands_page())
