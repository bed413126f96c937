"""Weights in the published file's format that are random and the same everywhere.

They detect nothing: they prove that any file of this format gives the published
code's boxes, and they let the node be tried without the real file. Bit-exact by
construction: raw PCG64 words, integer sums, one float64 product, one rounding to
float32; no libm and no distribution of numpy's.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

KINDS: Final = ("snapshot", "inference", "weights", "snapshot_opt")
"""Training snapshot, converted model, weights only, and snapshot with optimizer state."""

_SALT: Final = "mammo-parity-v1:"

# Standard deviation of the sum of four uniform 16-bit words (Irwin-Hall).
_DEVIATION: Final = (4 * (65536.0**2 - 1) / 12) ** 0.5
_MEAN: Final = 131070

# conv1's kernel is not made zero-mean over its fan-in: the image itself must matter.
_RAW_KERNEL: Final = "conv1"
_CONV1_DEVIATION: Final = 150.0  # typical size of its output
_RESIDUAL_GAMMA: Final = 0.25  # keeps 50 residual blocks from exploding
_HE_GAIN: Final = 2.0  # the input of the layer is a ReLU
_OUTPUT_GAIN: Final = {
    "C5_reduced": 0.5,
    "C4_reduced": 0.5,
    "C3_reduced": 0.5,
    "P3": 1.0,
    "P4": 2.0,
    "P5": 3.0,
    "P6": 3.0,
    "P7": 6.0,
    "pyramid_classification": 2.0 * 2.5**2,
    "pyramid_regression": 2.0 * 0.7**2,
}
_CLASSES: Final = 20
_CLASS_BIAS: Final = -10.2
_MALIGNANT: Final = 11
_MALIGNANT_BIAS: Final = -0.7


def _words(name: str, count: int) -> NDArray[np.uint64]:
    digest = hashlib.sha256((_SALT + name).encode("utf-8")).digest()
    seed = int.from_bytes(digest[:16], "little")
    return np.random.PCG64(seed).random_raw(count).astype("<u8")


def _bell(name: str, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Nearly normal integers, mean 0, standard deviation ``_DEVIATION``."""
    words = _words(name, int(np.prod(shape))).view("<u2").reshape(-1, 4)
    return np.asarray(words.sum(axis=1, dtype=np.int64) - _MEAN).reshape(shape)


def _uniform(name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Numbers from 0 to 1 in steps of 1/65536."""
    words = _words(name, int(np.prod(shape))) >> np.uint64(48)
    return words.astype(np.float64).reshape(shape) / 65536.0


def _kernel(name: str, layer: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    fan_in = shape[0] * shape[1] * shape[2]
    integers = _bell(name, shape)
    divisor = _DEVIATION
    if layer != _RAW_KERNEL:
        integers = integers * fan_in - integers.sum(axis=(0, 1, 2), keepdims=True)
        divisor = _DEVIATION * fan_in
    gain = _OUTPUT_GAIN.get(layer, _HE_GAIN)
    return np.asarray(integers * ((gain / fan_in) ** 0.5 / divisor))


def _bias(name: str, layer: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    bias = np.asarray(_bell(name, shape) * (0.1 / _DEVIATION))
    if layer == "pyramid_classification":
        bias = bias + _CLASS_BIAS
        bias[_MALIGNANT::_CLASSES] += _MALIGNANT_BIAS
    return bias


def _batch_norm(name: str, layer: str, leaf: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    scale = _CONV1_DEVIATION if layer == "bn_conv1" else 1.0
    if leaf == "gamma":
        base = _RESIDUAL_GAMMA if layer.endswith("_branch2c") else 1.0
        return (0.5 + _uniform(name, shape)) * base
    if leaf == "beta":
        return np.asarray(_bell(name, shape) * (0.1 / _DEVIATION))
    if leaf == "moving_mean":
        return np.asarray(_bell(name, shape) * (0.2 * scale / _DEVIATION))
    if leaf == "moving_variance":
        return (0.5 + _uniform(name, shape)) * (scale * scale)
    raise ValueError(f"no reference weight is called {name}")


def tensor(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Make one reference weight.

    Parameters
    ----------
    name : str
        Layer and tensor, such as ``"conv1/kernel:0"``.
    """
    layer, leaf = name.removesuffix(":0").split("/")
    if leaf == "kernel":
        values = _kernel(name, layer, shape)
    elif leaf == "bias":
        values = _bias(name, layer, shape)
    else:
        values = _batch_norm(name, layer, leaf, shape)
    return values.astype("<f4")


def _manifest() -> Any:
    packed = resources.files("models").joinpath("reference_manifest.json.gz").read_bytes()
    return json.loads(gzip.decompress(packed))


def _write_attribute(target: Any, key: str, attribute: dict[str, Any]) -> None:
    """Write an attribute with the HDF5 type that Keras 2.2.4 and h5py 2 gave it."""
    value, kind = attribute["value"], attribute["h5type"]
    if kind == "vlen-str":
        target.attrs[key] = value.encode("utf-8")
    elif kind.startswith("fixed-str:"):
        length = int(kind.removeprefix("fixed-str:"))
        texts = [text.encode("utf-8") for text in value]
        target.attrs.create(key, np.array(texts, dtype=f"S{length}"))
    else:
        shape = attribute["shape"] or ()
        target.attrs.create(key, np.array(value, dtype=kind).reshape(shape))


def _write(file: Any, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        path = entry["path"]
        if entry["kind"] == "group":
            target = file if path == "/" else file.require_group(path)
        elif path.startswith("/optimizer_weights/"):
            target = file.create_dataset(path, data=np.zeros(entry["shape"], entry["dtype"]))
        else:
            name = "/".join(path.split("/")[-2:])
            target = file.create_dataset(path, data=tensor(name, tuple(entry["shape"])))
        for key, attribute in entry["attrs"].items():
            _write_attribute(target, key, attribute)


def write_reference_weights(path: Path, kind: str = "snapshot") -> None:
    """Write the reference weights: 288 MB, or 858 MB with optimizer state.

    Parameters
    ----------
    path : Path
        Appears only when it is complete.
    kind : str
        One of ``KINDS``.
    """
    if kind not in KINDS:
        raise ValueError(f"no such kind of weights file: {kind!r}; there are {', '.join(KINDS)}")
    # h5py comes with TensorFlow: the extra "cpu" or "gpu", not the bare node.
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(partial, "w", libver="earliest") as file:
            _write(file, _manifest()["files"][kind])
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
