"""The detector on a GPU: images per second by batch, precision and compiler."""

from __future__ import annotations

import time
from itertools import product
from typing import Any, Final

import numpy as np

from models import backend
from models.errors import OutOfMemory
from models.network import POLICIES, Network
from models.spec import SPECS
from tests.weights_files import reference_weights_file

SPEC: Final = SPECS["reference"]
GFLOP: Final = 438.2
BATCHES: Final = (1, 2, 4, 8, 16, 32)
SECONDS: Final = 3.0
"""Of measuring, for each figure."""

MATRIX_SIDE: Final = 8192


def measure_batches() -> dict[str, Any]:
    """Measure on the device and the backend (KERAS_BACKEND) that Keras sees."""
    backend.load()
    weights = reference_weights_file()
    rows = []
    compilers = (True,) if backend.name() == "jax" else (False, True)
    for precision, xla in product(POLICIES, compilers):
        peak = matrix_gflops(precision)
        # Straight from Network: `models.runtimes.load` refuses on a CPU what is slow there.
        network = Network.load(
            SPEC, weights, kept=(SPEC.class_index,), precision=precision, xla=xla
        )
        for size in BATCHES:
            images = images_per_second(network, size)
            if images is None:
                break
            rows.append(
                {
                    "precision": precision,
                    "XLA": "yes" if xla else "no",
                    "batch": size,
                    "images/s": round(images, 2),
                    "of the matrix peak": f"{images * GFLOP / peak:.0%}",
                }
            )
    return {"device": backend.device(), "backend": backend.name(), "rows": rows}


def images_per_second(network: Network, size: int) -> float | None:
    """Run batches for a while, after one that compiles; None when memory is too small."""
    drawn = np.random.default_rng(1).normal(0, 60, (size, SPEC.side, SPEC.side, 3))
    batch = drawn.astype(np.float32)
    try:
        network.run(batch)
        began = time.perf_counter()
        runs = 0
        while (taken := time.perf_counter() - began) < SECONDS:
            network.run(batch)
            runs += 1
    except OutOfMemory:
        return None
    return runs * size / taken


def matrix_gflops(precision: str) -> float:
    """Multiply two large matrices on the device, again and again."""
    from keras import ops

    shape = (MATRIX_SIDE, MATRIX_SIDE)
    one = ops.cast(np.random.default_rng(1).standard_normal(shape, np.float32), precision)
    current = ops.matmul(one, one)
    float(ops.convert_to_numpy(ops.cast(current[0, 0], "float32")))
    began = time.perf_counter()
    runs = 0
    while (taken := time.perf_counter() - began) < SECONDS:
        current = ops.matmul(one, one)
        # Reading one number waits for the device.
        float(ops.convert_to_numpy(ops.cast(current[0, 0], "float32")))
        runs += 1
    return 2e-9 * MATRIX_SIDE**3 * runs / taken
