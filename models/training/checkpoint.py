"""The state of a run on disk: it goes on from there as if it had never stopped."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.durable_file import replace_durably
from models.training.errors import DamagedCheckpoint
from models.training.initial import Tensors
from models.training.rate import Plateau


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Parameters
    ----------
    epoch, step : int
        To do next, from 0; ``step`` within the epoch, and the number of steps when only
        the epoch's validation is left.
    sums : tuple of float
        Of the losses of the epoch's steps so far.
    plateau : Plateau
    rows : tuple of dict
        What was found after each epoch, for the log.
    best_epoch : int
        Whose weights are kept, from 1; 0 before the first validation.
    best_loss : float
    """

    plateau: Plateau
    epoch: int = 0
    step: int = 0
    sums: tuple[float, ...] = (0.0, 0.0, 0.0)
    rows: tuple[dict[str, float], ...] = ()
    best_epoch: int = 0
    best_loss: float = float("inf")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that a run needs to go on."""

    progress: Progress
    tensors: Tensors
    optimizer: list[NDArray[np.generic]] = field(default_factory=list)


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint in place of the one before; a power cut leaves one of the two."""
    arrays: dict[str, Any] = {
        f"network/{name}": tensor for name, tensor in checkpoint.tensors.items()
    }
    arrays |= {f"optimizer/{index:05}": value for index, value in enumerate(checkpoint.optimizer)}
    arrays["progress"] = np.array(json.dumps(asdict(checkpoint.progress)))
    replace_durably(path, lambda file: np.savez(file, **arrays))


def read(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    DamagedCheckpoint
        It is cut short or is none.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            values = json.loads(str(stored["progress"]))
            names = sorted(stored.files)
            tensors = {
                name.removeprefix("network/"): stored[name]
                for name in names
                if name.startswith("network/")
            }
            optimizer = [stored[name] for name in names if name.startswith("optimizer/")]
        plateau = Plateau(**values.pop("plateau"))
        sums, rows = tuple(values.pop("sums")), tuple(values.pop("rows"))
        progress = Progress(plateau=plateau, sums=sums, rows=rows, **values)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DamagedCheckpoint(f"{path} cannot be read: {error}") from error
    return Checkpoint(progress, tensors, optimizer)
