"""`mgnode synthesize`: mammograms of nobody, with lesions and their boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from node.cli.context import screen
from node.errors import StopError


def synthesize(
    folder: Annotated[Path, typer.Argument(help="Is made; gets the images and manifest.csv.")],
    images: Annotated[int, typer.Option(min=1, help="How many images to make.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same images.")] = 0,
    processes: Annotated[int, typer.Option(min=1, help="How many work side by side.")] = 1,
) -> None:
    """Make synthetic mammograms with lesions and a manifest, to try training and evaluation.

    The images are made by numbers and show no patient. A model that is trained on them
    has no clinical value.
    """
    # OpenCV loads slowly, and the other commands do without it.
    from models.synthetic.cases import write_cases

    console = screen()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("synthetic images", total=images)
        try:
            manifest = write_cases(
                folder,
                images,
                seed,
                processes=processes,
                progress=lambda done, _: bar.update(task, completed=done),
            )
        except OSError as error:
            raise StopError(f"{error.filename}: {error.strerror}") from error
    typer.echo(f"{images} synthetic images, of no patient: {manifest}")
