"""`mgnode config`: show, check and exemplify the settings."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import typer

from config.example import packaged_example
from config.loading import SettingsError, load_settings
from config.show import as_toml
from config.sources import Problem
from config.toml import values_of
from node.cli.context import (
    WRONG_SETTINGS,
    ConfigOption,
    JsonOption,
    load_and_explain,
    print_json,
)

app = typer.Typer(no_args_is_help=True, help="Show and check the settings.")


@app.command()
def show(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Print the settings in force, secrets masked, each with its origin."""
    loaded = load_and_explain(config)
    if as_json:
        print_json(values_of(loaded.settings))
    else:
        typer.echo(as_toml(loaded), nl=False)


@app.command()
def check(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """List every problem in the settings; exit status 0 when there is none, else 2."""
    if as_json:
        _check_as_json(config)
        return
    loaded = load_and_explain(config)
    origins = sorted(set(loaded.origins.values()))
    typer.echo(f"the settings hold; beside the defaults: {', '.join(origins) or 'nothing'}")


@app.command()
def example() -> None:
    """Print a settings file with every setting at its default, ready to edit."""
    typer.echo(packaged_example(), nl=False)


def _check_as_json(config: Path | None) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        load_settings(config, os.environ)
    except SettingsError as error:
        problems = error.problems
    print_json({"problems": [asdict(problem) for problem in problems]})
    if problems:
        raise typer.Exit(WRONG_SETTINGS)
