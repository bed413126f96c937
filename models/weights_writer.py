"""Writing a weights file: the weights-only form that ``models.weights`` reads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models import layout
from models.spec import ModelSpec

KERAS_VERSION: Final = "2.2.4"
"""Of the format: what the published program's Keras wrote and reads by name."""


def write_weights(
    path: Path,
    spec: ModelSpec,
    tensors: Mapping[str, NDArray[np.float32]],
    *,
    compressed: bool = False,
) -> None:
    """Write every tensor of a model; the file appears only when it is complete and durable.

    Parameters
    ----------
    tensors : mapping
        By the names of ``layout.tensors(spec)``, with their shapes.
    compressed : bool
        Smaller and slower to read; the published file is not compressed.

    Raises
    ------
    ValueError
        A tensor is missing, unknown, not finite or of another shape.
    """
    _check(spec, tensors)
    # h5py comes with TensorFlow: the extra "cpu" or "gpu", not the bare node.
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # No times in it: the same numbers give the same bytes, and the same checksum.
        with h5py.File(partial, "w", libver="earliest", track_order=False) as file:
            _write(file, spec, tensors, compressed=compressed)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _check(spec: ModelSpec, tensors: Mapping[str, NDArray[np.float32]]) -> None:
    shapes = layout.tensors(spec)
    if other := sorted(shapes.keys() ^ tensors.keys()):
        raise ValueError(f"missing or unknown tensors of {spec.name}: {', '.join(other[:3])}")
    for name, shape in shapes.items():
        if tensors[name].shape != shape:
            raise ValueError(f"{name} has the shape {tensors[name].shape}, not {shape}")
        if not np.isfinite(tensors[name]).all():
            raise ValueError(f"{name} holds NaN or infinity")


def _write(
    file: Any,
    spec: ModelSpec,
    tensors: Mapping[str, NDArray[np.float32]],
    *,
    compressed: bool,
) -> None:
    options = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if compressed else {}
    groups = _groups(spec)
    file.attrs["backend"] = b"tensorflow"
    file.attrs["keras_version"] = KERAS_VERSION.encode()
    file.attrs.create("layer_names", _texts(groups))
    for layer, names in groups.items():
        group = file.create_group(layer)
        group.attrs.create("weight_names", _texts(names))
        for name in names:
            group.create_dataset(name, data=tensors[name].astype("<f4"), **options)


def _groups(spec: ModelSpec) -> dict[str, list[str]]:
    """Give the tensors of each layer of the file; a head is one layer there."""
    heads = {
        convolution.name: submodel
        for submodel, convolutions in (
            ("regression_submodel", layout.regression_head(spec)),
            ("classification_submodel", layout.classification_head(spec, spec.classes)),
        )
        for convolution in convolutions
    }
    groups: dict[str, list[str]] = {}
    for name in layout.tensors(spec):
        layer = name.split("/")[0]
        groups.setdefault(heads.get(layer, layer), []).append(name)
    return groups


def _texts(texts: Iterable[str]) -> NDArray[np.bytes_]:
    return np.array([text.encode("ascii") for text in texts], dtype=np.bytes_)
