"""`mgnode db`: the schema of the database, and who may do what in it."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli.context import ConfigOption, load
from node.db.grants import grants as grants_of
from node.db.upgrade import upgrade as upgrade_database

app = typer.Typer(no_args_is_help=True, help="The schema of the database.")


@app.callback()
def db() -> None:
    """Work on the schema of the database."""


@app.command()
def upgrade(
    config: ConfigOption = None,
    grant: Annotated[
        str,
        typer.Option(
            metavar="ROLE",
            help="On PostgreSQL: give this role what the processes need, and nothing else.",
        ),
    ] = "",
) -> None:
    """Bring the database to this version's schema; safe to repeat."""
    settings = load(config)
    upgrade_database(settings.database_url, application_role=grant)
    typer.echo("the database has the schema of this version")
    if grant:
        typer.echo(f"role {grant} may do what the processes do, and no more")


@app.command()
def grants(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="The role of the processes.")],
) -> None:
    """Print what `mgnode db upgrade --grant ROLE` runs on PostgreSQL, as SQL to look at."""
    typer.echo("".join(f"{statement};\n" for statement in grants_of(role)), nl=False)
