"""The commands that need no detector; `workers.cli` adds those that do."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from config.log import configure
from node.cli import (
    audit,
    backup,
    config,
    conformance,
    database,
    destination,
    health,
    instances,
    peers,
    reconcile,
    replay,
    restore,
    retention,
    studies,
    tls,
)
from node.cli.context import ConfigOption, load
from node.cli.processes import run_dispatch, run_scp
from node.cli.up import run_up

app = typer.Typer(
    name="mgnode",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(config.app, name="config")
app.add_typer(database.app, name="db")
app.add_typer(studies.app, name="studies")
app.add_typer(instances.app, name="instances")
app.add_typer(audit.app, name="audit")
app.add_typer(retention.app, name="retention")
app.add_typer(destination.app, name="destination")
app.add_typer(tls.app, name="tls")
app.command("echo")(peers.echo_destination)
app.command("send")(peers.send)
app.command("backup")(backup.backup)
app.command("restore")(restore.restore)
app.command("retry")(replay.retry)
app.command("dev-certs")(tls.dev_certs)
app.command("reconcile")(reconcile.reconcile)
app.command("queues")(reconcile.queues)
app.command("health")(health.health)
app.command("conformance")(conformance.conformance)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mgnode {version('mgnode')}")
        raise typer.Exit


@app.callback()
def mgnode(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Run a detector between modality and PACS. No medical device; not for diagnosis."""


@app.command()
def up(config: ConfigOption = None) -> None:
    """Run everything on this machine: SQLite, Valkey, SCP, dispatch and workers."""
    settings = load(config)
    configure(settings.log, "up")
    raise typer.Exit(run_up(settings, config))


@app.command()
def serve(config: ConfigOption = None) -> None:
    """Run the Storage SCP: receive images and answer when they are durable."""
    settings = load(config)
    configure(settings.log, "scp")
    run_scp(settings)


@app.command()
def dispatch(config: ConfigOption = None) -> None:
    """Run the outbox loop: publish what is due, take back expired leases."""
    settings = load(config)
    configure(settings.log, "dispatch")
    run_dispatch(settings)
