"""A network and images so small that training them takes seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.cases.case import Box, Case, CaseFinding
from models.spec import SPECS, InvertedBlocks, MobileNetV2, ModelSpec
from models.training.recipe import Recipe
from models.training.run import Plan

if TYPE_CHECKING:
    from models.training.trainee import Losses

SPEC: ModelSpec = replace(
    SPECS["demonstration"],
    name="tiny",
    title="Tiny network",
    is_demonstration=False,
    backbone=MobileNetV2(
        stem_filters=8,
        groups=(
            InvertedBlocks(1, 8, 1, 1),
            InvertedBlocks(2, 8, 1, 2),
            InvertedBlocks(2, 16, 2, 2),
            InvertedBlocks(2, 16, 1, 2),
            InvertedBlocks(2, 24, 1, 2),
        ),
        taps=(2, 3, 4),
    ),
    pyramid_filters=16,
    head_convolutions=1,
    side=96,
)

# Fast and plain: what the published rate of 1e-5 needs days for.
# Deterministic operations would be asked of the whole process, and of all tests after.
FAST = Recipe(epochs=2, steps=4, learning_rate=3e-3, clipnorm=1.0, workers=1, deterministic=False)

ROWS, COLUMNS = 120, 90


def image(seed: int, box: Box) -> NDArray[np.uint8]:
    """Draw noise and a bright box."""
    pixels = np.random.default_rng(seed).integers(0, 40, (ROWS, COLUMNS)).astype(np.uint8)
    pixels[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = 220
    return pixels


def case(folder: Path, number: int, *, patient: str | None = None) -> Case:
    """Write one image with one lesion; it lies elsewhere in each."""
    x0, y0 = 8 + 7 * (number % 5), 12 + 11 * (number % 6)
    box = Box(x0, y0, x0 + 42, y0 + 38)
    path = folder / f"image{number}.png"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image(number, box)).save(path)
    finding = CaseFinding("mass", "malignant", box)
    name = f"patient{number}" if patient is None else patient
    return Case(path, path.name, name, findings=(finding,))


def read(path: Path) -> NDArray[np.uint8]:
    """Read what ``case`` has written."""
    with Image.open(path) as picture:
        return np.asarray(picture)


def plan(folder: Path, recipe: Recipe = FAST, **changes: Any) -> Plan:
    """Plan a run on three images, validated by two others."""
    images = folder / "images"
    made = Plan(
        SPEC,
        recipe,
        training=[case(images, number) for number in range(3)],
        validation=[case(images, number) for number in range(3, 5)],
        folder=folder / "run",
        pictures=folder / "pictures",
    )
    return replace(made, **changes)


@dataclass
class Heard:
    """A listener that remembers."""

    prepared_last: tuple[int, int] = (0, 0)
    steps: list[tuple[int, int]] = field(default_factory=list)
    best: list[bool] = field(default_factory=list)

    def prepared(self, done: int, total: int) -> None:
        """Remember how many images were decoded."""
        self.prepared_last = (done, total)

    def stepped(self, epoch: int, step: int, steps: int, losses: Losses) -> None:  # noqa: ARG002
        """Remember a step."""
        self.steps.append((epoch, step))

    def validated(self, row: Mapping[str, float], *, best: bool) -> None:  # noqa: ARG002
        """Remember whether an epoch was the best."""
        self.best.append(best)
