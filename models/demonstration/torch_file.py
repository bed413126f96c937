"""Reading the tensors of a PyTorch file without PyTorch.

The format before PyTorch 1.6: five pickles one after the other (magic number, version,
system, the object, the keys of its storages), then the storages' raw numbers.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

MAGIC: Final = 0x1950A86A20F9469CFC6C
"""First number of the format."""

_DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True, slots=True)
class _View:
    """A tensor: which part of a storage it is."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]

    def of(self, numbers: NDArray[Any]) -> NDArray[Any]:
        count = int(np.prod(self.shape))
        return numbers[self.offset : self.offset + count].reshape(self.shape)


def _view(storage: _Storage, offset: int, shape: tuple[int, ...], *_other: object) -> _View:
    return _View(storage, offset, shape)


class _Unpickler(pickle.Unpickler):
    """Makes tensors and dictionaries, and nothing else that a pickle could ask for."""

    @override
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _view
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _DTYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    @override
    def persistent_load(self, pid: Any) -> _Storage:
        _kind, name, key, _location, count, _view = pid
        return _Storage(key, _DTYPES[name], count)


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read a state dictionary: tensors by name.

    Raises
    ------
    ValueError
        The file has another format, or is cut short.
    """
    with path.open("rb") as file:
        try:
            magic, _version, _system, state, keys = (_Unpickler(file).load() for _ in range(5))
        except (pickle.UnpicklingError, EOFError, KeyError) as error:
            raise ValueError(f"{path} is no PyTorch file of weights: {error}") from error
        if magic != MAGIC:
            raise ValueError(f"{path} is no PyTorch file of before version 1.6")
        dtypes = {view.storage.key: view.storage.dtype for view in state.values()}
        storages = {key: _numbers(file, dtypes[key], path) for key in keys}
    return {name: view.of(storages[view.storage.key]) for name, view in state.items()}


def _numbers(file: BinaryIO, dtype: np.dtype[Any], path: Path) -> NDArray[Any]:
    count = int.from_bytes(file.read(8), "little")
    raw = file.read(count * dtype.itemsize)
    if len(raw) != count * dtype.itemsize:
        raise ValueError(f"{path} is cut short")
    return np.frombuffer(raw, dtype)
