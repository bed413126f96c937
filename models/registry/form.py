"""Which of the four forms an HDF5 weights file has."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path


class Form(StrEnum):
    """What Keras 2 kept in the file beside the weights."""

    SNAPSHOT = "training snapshot"
    SNAPSHOT_WITH_OPTIMIZER = "training snapshot with optimizer state"
    INFERENCE = "converted inference model"
    WEIGHTS = "weights only"


def form_of(path: Path) -> Form:
    """Name the form of a file that ``models.weights.open_weights`` has passed."""
    # h5py comes with TensorFlow: the extra "cpu" or "gpu", not the bare node.
    import h5py

    with h5py.File(path, "r") as file:
        if "model_weights" not in file:
            return Form.WEIGHTS
        if "optimizer_weights" in file:
            return Form.SNAPSHOT_WITH_OPTIMIZER
        return Form.SNAPSHOT if "training_config" in file.attrs else Form.INFERENCE
