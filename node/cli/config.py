"""`mgnode config`: show, check and exemplify the settings."""

from __future__ import annotations

import typer

from config.example import packaged_example
from config.show import as_toml
from config.toml import values_of
from node.cli.context import ConfigOption, JsonOption, load_and_explain, print_json

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
def check(config: ConfigOption = None) -> None:
    """List every problem in the settings; exit status 0 when there is none, else 2."""
    loaded = load_and_explain(config)
    origins = sorted(set(loaded.origins.values()))
    typer.echo(f"the settings hold; beside the defaults: {', '.join(origins) or 'nothing'}")


@app.command()
def example() -> None:
    """Print a settings file with every setting at its default, ready to edit."""
    typer.echo(packaged_example(), nl=False)
