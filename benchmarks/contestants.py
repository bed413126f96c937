"""The programs that `benchmarks.inference` compares, each in a process of its own.

    python -m benchmarks.contestants NAME WEIGHTS PICTURE ANSWERS

loads the network and says "ready", writes its answers to the picture and says
"answered", and then runs once for each line on its standard input and answers with the
seconds. WEIGHTS is the HDF5 file, or the ONNX file that `export` made of it; PICTURE is a
.npy of uint8.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models import runtimes
from models.preprocess import prepare
from models.spec import SPECS

SPEC: Final = SPECS["reference"]
"""The published network; its weights are random, which costs the same."""

THREADS: Final = int(os.environ.get("BENCHMARK_THREADS", "2"))

MATRIX_SIDE: Final = 5000

Run = Callable[[], tuple[float, Any]]
"""Runs once and gives the network's seconds and answers."""


def ours(runtime: str, weights: Path, picture: NDArray[np.uint8]) -> Run:
    """Load the detector as an analysis worker does, checksum and warm-up included."""
    from models.detector import Detector

    detector = Detector.load(SPEC, weights, runtime=runtime)
    detector.warm_up()
    pixels = prepare(picture, SPEC).pixels[None]

    def run() -> tuple[float, Any]:
        began = time.perf_counter()
        (answers,) = detector.network.run(pixels)
        return time.perf_counter() - began, answers

    return run


def onnx_runtime(onnx: Path, picture: NDArray[np.uint8]) -> Run:
    """Load the ONNX file into ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(
        onnx, sess_options=options, providers=["CPUExecutionProvider"]
    )
    return _timed(lambda pixels: session.run(None, {"image": pixels}), picture)


def openvino(onnx: Path, picture: NDArray[np.uint8]) -> Run:
    """Load the ONNX file into OpenVINO, in float32: its own choice may be bfloat16."""
    import openvino as ov

    options = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": THREADS,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = ov.Core().compile_model(onnx, "CPU", options).create_infer_request()

    def run(pixels: NDArray[np.float32]) -> Any:
        request.infer({0: pixels})
        return [request.get_output_tensor(index).data for index in (0, 1)]

    return _timed(run, picture)


def matrix(product: Callable[[Any, Any], Any], made: Callable[[Any], Any]) -> Run:
    """Multiply two large float32 matrices: nearly all that the machine can do."""
    generator = np.random.default_rng(1)
    one, other = (
        made(generator.standard_normal((MATRIX_SIDE, MATRIX_SIDE), np.float32)) for _ in range(2)
    )

    def run() -> tuple[float, Any]:
        began = time.perf_counter()
        product(one, other)
        return time.perf_counter() - began, None

    return run


def tensorflow_matrix() -> Run:
    """Multiply with TensorFlow, whose oneDNN uses AVX-512 on any processor that has it."""
    from models import backend

    backend.load()
    import tensorflow as tf

    return matrix(lambda one, other: tf.linalg.matmul(one, other).numpy(), tf.constant)


def _timed(function: Callable[[Any], Any], picture: NDArray[np.uint8]) -> Run:
    pixels = prepare(picture, SPEC).pixels[None]

    def run() -> tuple[float, Any]:
        began = time.perf_counter()
        answers = function(pixels)
        return time.perf_counter() - began, [each[0] for each in answers]

    return run


def export(weights: Path, onnx: Path) -> None:
    """Write the network with its weights as an ONNX file, for one image at a time."""
    from models.network import Network

    network = Network.load(SPEC, weights, kept=(SPEC.class_index,))
    import tensorflow as tf
    import tf2onnx

    shape = (1, SPEC.side, SPEC.side, 3)
    signature = (tf.TensorSpec(shape, tf.float32, name="image"),)
    partial = onnx.with_suffix(".part")
    tf2onnx.convert.from_keras(
        network.model, input_signature=signature, opset=18, output_path=str(partial)
    )
    partial.replace(onnx)


def load(name: str, weights: Path, picture: NDArray[np.uint8]) -> Run:
    """Load a contestant by its name."""
    loaders: dict[str, Callable[[], Run]] = {
        "ours-keras": lambda: ours(runtimes.KERAS, weights, picture),
        "ours-openvino": lambda: ours(runtimes.OPENVINO, weights, picture),
        "onnxruntime": lambda: onnx_runtime(weights, picture),
        "openvino": lambda: openvino(weights, picture),
        "matrix-numpy": lambda: matrix(np.matmul, np.asarray),
        "matrix-tensorflow": tensorflow_matrix,
    }
    return loaders[name]()


def main(name: str, weights: Path, picture: Path, answers: Path) -> None:
    """Serve one contestant until the standard input ends."""
    # Whatever a program takes for the number of threads, it gets no more processors.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    if name == "export":
        export(weights, answers)
        return
    run = load(name, weights, np.load(picture))
    _say("ready")
    _, found = run()
    if found is not None:
        np.savez(answers, regression=found[0], classification=found[1])
    _say("answered")
    for _ in sys.stdin:
        seconds, _ = run()
        _say(f"{seconds}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
