"""`python -m benchmarks.demonstration train|measure`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.demonstration.recipe import (
    FIRST,
    HELD_OUT_IMAGES,
    HELD_OUT_SEED,
    SECOND,
    SPEC,
    TRAINING_IMAGES,
    TRAINING_SEED,
    VALIDATION_IMAGES,
    VALIDATION_SEED,
    initial_tensors,
    shortened,
)
from models import demonstration, layout
from models.cases.manifest import read_manifest
from models.synthetic.cases import MANIFEST, write_cases
from models.training.run import Plan, train
from models.weights import open_weights
from models.weights_writer import write_weights

FOLDER: Final = Path(".cache/demonstration")
PACKAGE: Final = Path(demonstration.__file__).parent
WEIGHTS: Final = PACKAGE / "demonstration.h5"
FIGURES: Final = PACKAGE / "figures.json"
PLOT: Final = Path("docs/images/demonstration-froc.svg")

app = typer.Typer(add_completion=False, help="Train and measure the demonstration model.")
console = Console()


class Lines:
    """Tells how training goes on, a line at a time: it takes an hour."""

    def prepared(self, done: int, total: int) -> None:
        """Say how many images were decoded."""
        if done % 500 == 0 or done == total:
            console.print(f"{done} of {total} images are ready")

    def stepped(self, epoch: int, step: int, steps: int, losses: tuple[float, ...]) -> None:
        """Say how the losses are."""
        if step % 100 == 0:
            numbers = ", ".join(f"{loss:.4f}" for loss in losses)
            console.print(f"epoch {epoch} step {step} of {steps}: {numbers}", highlight=False)

    def validated(self, row: Mapping[str, float], *, best: bool) -> None:
        """Say how the validation images were answered."""
        console.print({name: round(value, 4) for name, value in row.items()}, "best" * best)


@app.command(name="train")
def train_model(
    imagenet: Annotated[Path, typer.Option(help="mobilenet_v2-b0353104.pth of torchvision.")],
    folder: Annotated[Path, typer.Option(help="Of images and run; an old run goes on.")] = FOLDER,
    processes: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Make the synthetic images, train on them, and put the weights into the package."""
    manifests = [
        synthetic_images(folder / name, count, seed, processes=processes)
        for name, count, seed in (
            ("training", TRAINING_IMAGES, TRAINING_SEED),
            ("validation", VALIDATION_IMAGES, VALIDATION_SEED),
        )
    ]
    training, validation = (read_manifest(manifest) for manifest in manifests)
    tensors = initial_tensors(imagenet)
    for name, recipe in (("first", FIRST), ("second", SECOND)):
        plan = Plan(SPEC, recipe, training, validation, folder / name, folder / "pictures", tensors)
        outcome = train(plan, _read, Lines())
        console.print(f"{name} run: epoch {outcome.best_epoch} was the best")
        with open_weights(outcome.weights, SPEC) as file:
            tensors = {each: file.read(each) for each in layout.tensors(SPEC)}
    write_weights(WEIGHTS, SPEC, shortened(tensors), compressed=True)
    console.print(f"The weights are in {WEIGHTS}")


@app.command(name="measure")
def measure_model(
    folder: Annotated[Path, typer.Option(help="Of the held-out images.")] = FOLDER,
    weights: Annotated[Path, typer.Option()] = WEIGHTS,
    figures: Annotated[Path, typer.Option()] = FIGURES,
    plot: Annotated[Path, typer.Option()] = PLOT,
    processes: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Measure the weights on three groups of images that training never saw."""
    # It needs SciPy and Matplotlib (extra "train"); training does without.
    from benchmarks.demonstration.measure import measure

    held_out = synthetic_images(
        folder / "held-out", HELD_OUT_IMAGES, HELD_OUT_SEED, processes=processes
    )
    measure(weights, held_out, figures=figures, plot=plot, console=console)


def synthetic_images(folder: Path, count: int, seed: int, *, processes: int) -> Path:
    """Make a group of synthetic images, unless it is there already; give its manifest."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        console.print(f"making {count} synthetic images in {folder}")
        write_cases(folder, count, seed, processes=processes)
    return manifest


def _read(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


if __name__ == "__main__":
    app()
