"""PyTorch's file of weights, written here byte by byte: PyTorch itself is not installed."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from models.demonstration.torch_file import MAGIC, read_tensors


def text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def shape(*sides: int) -> bytes:
    return b"(" + b"".join(number(side) for side in sides) + b"t"


def tensor(key: str, count: int, offset: int, *sides: int) -> bytes:
    """A call of ``torch._utils._rebuild_tensor_v2`` on a part of a storage."""
    storage = (
        b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu")
        + number(count) + b"N" + b"t" + b"Q"
    )  # fmt: skip
    hooks = b"ccollections\nOrderedDict\n)R"
    arguments = storage + number(offset) + shape(*sides) + shape(1) + b"\x89" + hooks
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def state(**tensors: bytes) -> bytes:
    items = b"".join(text(name) + made for name, made in tensors.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u."


def file_of(path: Path, content: bytes, storages: dict[str, list[float]]) -> Path:
    start = b"".join(pickle.dumps(value, protocol=2) for value in (MAGIC, 1001, {}))
    keys = pickle.dumps(list(storages), protocol=2)
    raw = b"".join(
        struct.pack("<q", len(values)) + np.array(values, "<f4").tobytes()
        for values in storages.values()
    )
    path.write_bytes(start + content + keys + raw)
    return path


def test_tensors_are_parts_of_their_storages(tmp_path: Path) -> None:
    content = state(a=tensor("7", 6, 0, 2, 2), b=tensor("7", 6, 4, 2), c=tensor("3", 1, 0, 1))
    path = file_of(tmp_path / "w.pth", content, {"3": [9.5], "7": [0, 1, 2, 3, 4, 5]})

    found = read_tensors(path)

    assert {name: numbers.tolist() for name, numbers in found.items()} == {
        "a": [[0, 1], [2, 3]],
        "b": [4, 5],
        "c": [9.5],
    }


def test_a_file_that_would_run_a_program_is_refused(tmp_path: Path) -> None:
    content = b"\x80\x02cos\nsystem\n(" + text("true") + b"tR."
    path = file_of(tmp_path / "w.pth", content, {})

    with pytest.raises(ValueError, match=r"os\.system has no place"):
        read_tensors(path)


def test_a_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = file_of(tmp_path / "w.pth", state(a=tensor("7", 2, 0, 2)), {"7": [1, 2]})
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(ValueError, match="cut short"):
        read_tensors(path)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"PK\x03\x04 of PyTorch 1.6 and later")

    with pytest.raises(ValueError, match="no PyTorch file"):
        read_tensors(tmp_path / "w.pth")
