"""A training run as a process of its own, which kills itself where it is told to.

``python killed_run.py FOLDER [PLACE]``: a place is ``EPOCH.STEP`` or ``EPOCH.validated``.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from models.training.run import train
from tests import tiny_training

if TYPE_CHECKING:
    from models.training.trainee import Losses

RECIPE = replace(
    tiny_training.FAST,
    epochs=3,
    steps=5,
    checkpoint_steps=2,
    noise=0.05,
    workers=2,
    deterministic=True,
)


@dataclass
class Killer:
    place: str

    def prepared(self, done: int, total: int) -> None:
        pass

    def stepped(self, epoch: int, step: int, steps: int, losses: Losses) -> None:  # noqa: ARG002
        self._kill(f"{epoch}.{step}")

    def validated(self, row: Mapping[str, float], *, best: bool) -> None:  # noqa: ARG002
        self._kill(f"{row['epoch']}.validated")

    def _kill(self, place: str) -> None:
        if place == self.place:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    folder, place = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    train(tiny_training.plan(folder, RECIPE), tiny_training.read, Killer(place))
