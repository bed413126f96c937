"""What every command shares: its settings, its screen and its JSON."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from config.loading import LoadedSettings, SettingsError, load_with_origins
from config.printable import printable_json
from config.settings import Settings
from node.db.session import Database

WRONG_SETTINGS: Final = 2
"""Exit status when the settings do not hold, as for a wrong command line."""

UNLIMITED: Final = 10_000
"""Columns; wider than any table of ours."""

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Settings file (TOML); without it, the one that MGNODE_CONFIG names.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script to read.")]


def load(config: Path | None) -> Settings:
    """Load the settings in force; print the report and exit with 2 when they do not hold."""
    return load_and_explain(config).settings


def load_and_explain(config: Path | None) -> LoadedSettings:
    """Load as `load`, and keep where each setting came from."""
    try:
        return load_with_origins(config, os.environ)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(WRONG_SETTINGS) from None


@contextmanager
def opened_database(config: Path | None) -> Iterator[Database]:
    """Open the database of the settings in force, and close it at the end.

    Raises
    ------
    StopError
        It has another schema than this version needs.
    """
    database = Database(load(config).database_url)
    try:
        database.require_current_schema()
        yield database
    finally:
        database.dispose()


def operator(command: str) -> str:
    """Name the person at a command, as the audit log names its actors."""
    user = f"uid {os.getuid()}"
    # A container's user need not be in its passwd file.
    with suppress(KeyError):
        user = pwd.getpwuid(os.getuid()).pw_name
    return f"mgnode {command} by {user}"


def screen(*, stderr: bool = False) -> Console:
    """Return a console for tables and progress bars; standard error for what is no result."""
    # Peers' texts (AE titles, comments) are data: markup in them must not be obeyed.
    return Console(stderr=stderr, markup=False, highlight=False)


def print_table(table: Table) -> None:
    """Print a table on standard output, in a pipe or file as wide as it needs: grep finds UIDs."""
    console = screen()
    if not console.is_terminal:
        console.width = UNLIMITED
    console.print(table)


def print_json(value: Any) -> None:
    """Print ``value`` as JSON on standard output; dates, paths and enums as their text."""
    typer.echo(printable_json(json.dumps(value, indent=2, ensure_ascii=False, default=str)))
