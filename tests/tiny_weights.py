"""Weights files of a small network, and registered models made of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from models import layout
from models.registry.folder import register
from models.registry.record import Registered
from models.spec import ModelSpec
from models.weights_writer import write_weights
from tests import tiny_network

REGISTERED_AT: Final = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
CARD: Final = {
    "intended_use": "Tests of the registry. Not for diagnosis.",
    "training_data": "None.",
    "figures": {"sensitivity": "none"},
    "limits": "It is small.",
}


def tiny_spec(name: str = "tiny", **fields: object) -> ModelSpec:
    """Give a trained model's specification, as `mgnode train` would."""
    return replace(
        tiny_network.SPEC,
        name=name,
        title=f"Small network {name}",
        is_reference=False,
        **fields,  # type: ignore[arg-type]
    )


def write_tiny(path: Path, *, seed: int = 7, bias: float = 0.0) -> Path:
    """Write seeded random weights; a bias lifts every score."""
    generator = np.random.default_rng(seed)
    spec = tiny_spec()
    tensors = {
        name: np.abs(generator.normal(0, 0.3, shape)).astype(np.float32)
        if "variance" in name
        else generator.normal(0, 0.3, shape).astype(np.float32)
        for name, shape in layout.tensors(spec).items()
    }
    tensors["pyramid_classification/bias:0"] += np.float32(bias)
    write_weights(path, spec, tensors)
    return path


def register_tiny(root: Path, name: str = "tiny", *, seed: int = 7, **fields: object) -> Registered:
    """Register a small network below ``root``."""
    root.mkdir(parents=True, exist_ok=True)
    given = write_tiny(root.parent / f"given-{name}-{seed}.h5", seed=seed)
    return register(root, tiny_spec(name, **fields), given, CARD, now=REGISTERED_AT)
