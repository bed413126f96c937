"""Reading the weights file, in each of the four forms that a user may hold.

A snapshot of training (with or without the optimizer's state) and a converted
inference model keep the weights below ``/model_weights``; a weights-only file keeps
the same tree at its root. Everything is found by name, never by order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models import layout
from models.errors import (
    MissingWeights,
    UnreadableWeights,
    WrongArchitecture,
    WrongChecksum,
    WrongWeights,
)
from models.layout import Shape
from models.spec import ModelSpec

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"

CLASS_KERNEL: Final = "pyramid_classification/kernel:0"

# What h5py raises on damaged structures: RuntimeError comes from the HDF5 library itself.
DAMAGE: Final = (OSError, KeyError, RuntimeError, ValueError, TypeError)


def sha256_of(path: Path) -> str:
    """Checksum of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(path: Path, spec: ModelSpec, *, expected_sha256: str | None = None) -> str:
    """Refuse what is not there, is no HDF5 file, or is not the file that was asked for.

    Returns
    -------
    str
        The file's sha256.
    """
    if not path.is_file():
        raise MissingWeights(path, f"does not exist; {spec.weights_source}")
    with path.open("rb") as file:
        start = file.read(len(SIGNATURE))
    if start != SIGNATURE:
        hint = "it is empty" if not start else f"it starts with {start!r}"
        if start.lstrip().startswith(b"<"):
            hint = "it looks like a web page, so the download went wrong"
        raise UnreadableWeights(path, f"is not an HDF5 file: {hint}")
    found = sha256_of(path)
    if expected_sha256 is not None and found != expected_sha256.lower():
        raise WrongChecksum(path, f"has the sha256 {found}, not the expected {expected_sha256}")
    return found


class WeightsFile:
    """An open weights file whose every tensor has the right name, shape and type.

    The numbers stay on the disk until ``read`` asks for one tensor at a time, so that
    loading never holds the network twice.
    """

    def __init__(self, path: Path, datasets: dict[str, Any]) -> None:
        self._path = path
        self._datasets = datasets
        self._unread = set(datasets)

    def read(self, name: str) -> NDArray[np.float32]:
        """Read one tensor.

        Raises
        ------
        UnreadableWeights
            The bytes cannot be read.
        WrongWeights
            There is a NaN or an infinity in it.
        """
        try:
            numbers = np.asarray(self._datasets[name][()])
        except DAMAGE as error:
            raise UnreadableWeights(self._path, f"is damaged at {name}: {error}") from error
        if not np.isfinite(numbers).all():
            raise WrongWeights(self._path, f"holds NaN or infinity in {name}")
        self._unread.discard(name)
        return numbers

    @property
    def unread(self) -> frozenset[str]:
        """Names of the tensors that nobody has asked for yet."""
        return frozenset(self._unread)


def _text(value: str | bytes) -> str:
    # h5py gives fixed-length strings as bytes and variable-length ones as str.
    return value.decode("utf-8") if isinstance(value, bytes) else value


def _datasets(file: Any) -> dict[str, Any]:
    """Every weight of a file by its last two names: layer and tensor."""
    root = file.get("model_weights", file)
    found: dict[str, Any] = {}
    for layer in map(_text, root.attrs["layer_names"]):
        for name in map(_text, root[layer].attrs["weight_names"]):
            found["/".join(name.split("/")[-2:])] = root[layer][name]
    return found


def _list(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _check_tensors(path: Path, spec: ModelSpec, found: dict[str, Any]) -> None:
    expected: dict[str, Shape] = layout.tensors(spec)
    missing = [name for name in expected if name not in found]
    if missing:
        raise WrongArchitecture(
            path, f"lacks {len(missing)} of the {len(expected)} tensors: {_list(missing)}"
        )
    unknown = [name for name in found if name not in expected]
    if unknown:
        raise WrongArchitecture(path, f"holds tensors of another network: {_list(unknown)}")
    for name, shape in expected.items():
        held = tuple(found[name].shape)
        if name == CLASS_KERNEL and held[:-1] == shape[:-1] and held != shape:
            classes = held[-1] / spec.anchors.per_location
            raise WrongArchitecture(
                path, f"was trained for {classes:g} classes, not for {spec.classes}"
            )
    for name, shape in expected.items():
        held = tuple(found[name].shape)
        if held != shape:
            raise WrongArchitecture(path, f"holds {name} of shape {held} instead of {shape}")
        if found[name].dtype != np.dtype("<f4"):
            raise WrongArchitecture(path, f"holds {name} as {found[name].dtype}, not as float32")


@contextmanager
def open_weights(path: Path, spec: ModelSpec) -> Iterator[WeightsFile]:
    """Open a weights file and check the name, shape and type of every tensor in it.

    Raises
    ------
    UnreadableWeights
        The file is cut short or damaged.
    WrongArchitecture
        A tensor is missing, unknown, or of another shape or type.
    """
    # h5py comes with TensorFlow: the extra "cpu" or "gpu", not the bare node.
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        stored = re.search(r"truncated file.*stored_eof = (\d+)", str(error))
        if stored is None:
            raise UnreadableWeights(path, f"is damaged: {error}") from error
        raise UnreadableWeights(
            path,
            f"is cut short: {path.stat().st_size} of {stored[1]} bytes; copy or download it again",
        ) from error
    with file:
        try:
            found = _datasets(file)
        except DAMAGE as error:
            raise WrongArchitecture(
                path, f"is no Keras weights file, or a damaged one: {error}"
            ) from error
        _check_tensors(path, spec, found)
        yield WeightsFile(path, found)
