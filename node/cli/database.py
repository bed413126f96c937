"""`mgnode db`: the schema of the database."""

from __future__ import annotations

import typer

from node.cli.context import ConfigOption, load
from node.db.upgrade import upgrade as upgrade_database

app = typer.Typer(no_args_is_help=True, help="The schema of the database.")


@app.callback()
def db() -> None:
    """Work on the schema of the database."""


@app.command()
def upgrade(config: ConfigOption = None) -> None:
    """Bring the database to this version's schema; safe to repeat."""
    settings = load(config)
    upgrade_database(settings.database_url)
    typer.echo("the database has the schema of this version")
