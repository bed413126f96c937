"""Keras' backend: TensorFlow unless ``KERAS_BACKEND`` says otherwise.

Nothing but this module knows that there are several. Call ``load`` before the first
import of Keras or of a module that imports it.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from models import stderr_filter


def load() -> None:
    """Import Keras and its backend (seconds), without their greetings on standard error.

    ``TF_CPP_MIN_LOG_LEVEL`` 2 hides information and warnings of TensorFlow's C++ part,
    never errors; set it to 0 to see them all.
    """
    if "keras" in sys.modules:
        return
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0":
        importlib.import_module("keras")
        return
    with _filtered_stderr():
        importlib.import_module("keras")


@contextmanager
def _filtered_stderr() -> Iterator[None]:
    """Lead file descriptor 2 through ``models.stderr_filter``.

    TensorFlow writes four lines there while it is imported, before any of its settings
    are heard.
    """
    sys.stderr.flush()
    original = os.dup(2)
    program = [sys.executable, "-I", "-S", str(Path(stderr_filter.__file__))]
    process = subprocess.Popen(program, stdin=subprocess.PIPE, stderr=original)  # noqa: S603 (our own file)
    assert process.stdin is not None  # noqa: S101 (PIPE was asked for)
    os.dup2(process.stdin.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(original, 2)
        os.close(original)
        process.stdin.close()
        # It ends at once, unless another thread has started a program meanwhile that
        # still holds the pipe: then it goes on filtering for that program.
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)


def name() -> str:
    """Name the backend in use: ``tensorflow``, ``jax`` or ``torch``."""
    return str(importlib.import_module("keras").backend.backend())


def memory_errors() -> tuple[type[Exception], ...]:
    """Name the exceptions by which the backend in use says that memory ran out."""
    if name() == "tensorflow":
        tensorflow = importlib.import_module("tensorflow")
        return (MemoryError, tensorflow.errors.ResourceExhaustedError)
    if name() == "torch":
        return (MemoryError, importlib.import_module("torch").OutOfMemoryError)
    # JAX has one class for all that goes wrong in XLA; with a network that ran before,
    # that is the memory.
    return (MemoryError, importlib.import_module("jax").errors.JaxRuntimeError)


def device() -> str:
    """Name where the network runs, ``cpu:0`` or ``gpu:0``: a GPU that is not seen is slow."""
    if name() == "torch":
        return "gpu:0" if importlib.import_module("torch").cuda.is_available() else "cpu:0"
    devices = importlib.import_module("keras").distribution.list_devices()
    return str(next((device for device in devices if not device.startswith("cpu")), devices[0]))
