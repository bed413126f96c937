"""The command line `mgnode`: the node's commands and those that need the detector.

It stands here, at the top of the packages, because it may import all of them.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import structlog
import typer

from config.log import configure
from config.printable import printable
from node.cli.app import app
from node.cli.context import ConfigOption, JsonOption, load
from node.cli.supervisor import PRIVATE_UMASK
from node.db.session import UNAVAILABLE
from node.errors import NodeError, StopError
from workers.app import run_analysis_worker, run_network_worker
from workers.commands import demo, evaluate, manifest, model, rerun, selftest, synthesize, train
from workers.detect import detect_files

log = structlog.get_logger(__name__)

app.command()(demo.demo)
app.command()(evaluate.evaluate)
app.command()(rerun.rerun)
app.command()(synthesize.synthesize)
app.command()(train.train)
app.add_typer(manifest.app, name="manifest")
app.add_typer(model.app, name="model")
app.add_typer(selftest.app, name="selftest")

CANNOT_WORK = 2
"""Exit status when an administrator has to change something first."""


class Role(StrEnum):
    """What a worker process does."""

    ANALYSIS = "analysis"
    NETWORK = "network"


@app.command()
def worker(
    role: Annotated[
        Role, typer.Argument(help="analysis: the detector. network: reports and sending.")
    ],
    config: ConfigOption = None,
    *,
    # Hidden, because nobody else may want it.
    demonstration: Annotated[
        bool, typer.Option("--demonstration", help="For the node of `mgnode demo`.", hidden=True)
    ] = False,
) -> None:
    """Run a Celery worker until it is told to stop."""
    settings = load(config)
    configure(settings.log, role.value)
    if role is Role.ANALYSIS:
        raise typer.Exit(run_analysis_worker(settings, demonstration=demonstration))
    raise typer.Exit(run_network_worker(settings))


@app.command()
def detect(
    files: Annotated[list[Path], typer.Argument(help="DICOM, PNG or JPEG images, or folders.")],
    config: ConfigOption = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for one picture with boxes for each image.")
    ] = None,
    *,
    reference: Annotated[
        bool, typer.Option("--reference", help="Use random weights; the boxes mean nothing.")
    ] = False,
    demonstration: Annotated[
        bool,
        typer.Option("--demonstration", help="Use the bundled model, which has no clinical value."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the detector on files, without a server; exit status 1 when one was refused."""
    settings = load(config)
    configure(settings.log, "detect")
    raise typer.Exit(
        detect_files(
            files,
            settings,
            output=output,
            reference=reference,
            demonstration=demonstration,
            as_json=as_json,
        )
    )


def main() -> None:
    """Run `mgnode`; a problem that an administrator can solve is told without a traceback."""
    # Whatever a library writes for us, a database or a picture, is for its owner alone.
    os.umask(PRIVATE_UMASK)
    try:
        app()
    except StopError as error:
        # Whole lines are ours; what they quote may be a peer's.
        typer.echo("\n".join(map(printable, f"mgnode: {error}".split("\n"))), err=True)
        sys.exit(CANNOT_WORK)
    except NodeError as error:
        typer.echo(printable(f"mgnode: {error}"), err=True)
        sys.exit(1)
    except UNAVAILABLE as error:
        # The text may hold the database's address; the class says enough.
        typer.echo(f"mgnode: the database cannot be used: {type(error).__name__}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
