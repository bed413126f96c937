"""What training asks of Keras' backend beyond ``models.backend``."""

from __future__ import annotations

import importlib

import keras

from models.training.errors import WrongRecipe


def compiles_steps() -> bool:
    """Whether a step must be compiled as a whole.

    JAX runs each operation by itself otherwise. TensorFlow makes a graph of it anyway, and
    its XLA is slower on a CPU: 1.4 s against 0.14 s for a step of the demonstration model.
    """
    return bool(keras.backend.backend() == "jax")


def make_deterministic(seed: int) -> None:
    """Let every operation of this process give the same result each time, at some cost.

    JAX does so on a CPU; for a GPU it must be told before it starts, by
    ``XLA_FLAGS=--xla_gpu_deterministic_ops=true``.
    """
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        importlib.import_module("tensorflow").config.experimental.enable_op_determinism()
    elif keras.backend.backend() == "torch":
        importlib.import_module("torch").use_deterministic_algorithms(True)


def use_every_device(batch: int) -> int:
    """Let each device of this machine take a part of every batch; give their number.

    Keras can do so with JAX alone. With TensorFlow and torch one device trains.

    Raises
    ------
    WrongRecipe
        The batch cannot be divided among them.
    """
    if keras.backend.backend() != "jax":
        return 1
    devices = keras.distribution.list_devices()
    if len(devices) > 1:
        if batch % len(devices):
            raise WrongRecipe(
                [f"batch: {batch} images cannot be divided among {len(devices)} devices"]
            )
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    return len(devices)
