"""What is wrong with a weights file is said, and nothing wrong is read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import layout
from models.errors import (
    MissingWeights,
    UnreadableWeights,
    WeightsError,
    WrongArchitecture,
    WrongChecksum,
    WrongWeights,
)
from models.spec import SPECS
from models.weights import check_file, open_weights

pytestmark = pytest.mark.tensorflow  # for h5py, which the same extra brings

SPEC = SPECS["ueda2022"]
BIAS = "pyramid_classification/bias:0"
KERNEL = "pyramid_classification/kernel:0"


def write(
    path: Path, changes: dict[str, Any] | None = None, *, root: str = "model_weights"
) -> Path:
    """Write every tensor as a hole: the right layout without its 287 MB.

    ``changes`` gives a tensor another shape, or None to leave it out.
    """
    import h5py

    shapes: dict[str, Any] = {**layout.tensors(SPEC), **(changes or {})}
    layers: dict[str, list[str]] = {}
    with h5py.File(path, "w", libver="earliest") as file:
        tree = file.require_group(root) if root else file
        for name, shape in shapes.items():
            if shape is not None:
                layer = name.split("/")[0]
                tree.create_dataset(f"{layer}/{name}", shape, "<f4")
                layers.setdefault(layer, []).append(name)
        for layer, names in layers.items():
            tree[layer].attrs["weight_names"] = np.array([name.encode() for name in names])
        # A layer without weights has an empty list of floats.
        tree.require_group("conv1_relu").attrs["weight_names"] = np.zeros(0)
        tree.attrs["layer_names"] = np.array([*map(str.encode, layers), b"conv1_relu"])
    return path


def read_all(path: Path) -> int:
    with open_weights(path, SPEC) as file:
        return sum(file.read(name).size for name in sorted(file.unread))


@pytest.mark.parametrize("root", ["model_weights", ""])
def test_the_weights_lie_below_model_weights_or_at_the_root(root: str, tmp_path: Path) -> None:
    assert read_all(write(tmp_path / "w.h5", root=root)) == 71_511_192


def test_names_written_as_text_are_read_like_names_written_as_bytes(tmp_path: Path) -> None:
    import h5py

    path = write(tmp_path / "w.h5")
    with h5py.File(path, "r+") as file:
        tree = file["model_weights"]
        names = [name.decode() for name in tree.attrs["layer_names"]]
        del tree.attrs["layer_names"]
        tree.attrs["layer_names"] = names

    assert read_all(path) == 71_511_192


def test_a_missing_file_says_where_the_weights_come_from(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match=r"resnet152_pascal\.h5 is an asset of release"):
        check_file(tmp_path / "nowhere.h5", SPEC)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"\n<!DOCTYPE html><html>", "web page"),
        (b"PK\x03\x04 some archive", r"starts with b'PK"),
    ],
)
def test_what_is_no_hdf5_file_is_named(content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "w.h5"
    path.write_bytes(content)

    with pytest.raises(UnreadableWeights, match=why) as caught:
        check_file(path, SPEC)

    assert str(path) in str(caught.value)


def test_the_checksum_is_of_the_whole_file(tmp_path: Path) -> None:
    path = write(tmp_path / "w.h5")
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()

    assert check_file(path, SPEC) == checksum
    assert check_file(path, SPEC, expected_sha256=checksum.upper()) == checksum
    with pytest.raises(WrongChecksum, match=checksum):
        check_file(path, SPEC, expected_sha256="1" * 64)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
def test_a_file_that_is_cut_short_says_so(share: float, tmp_path: Path) -> None:
    path = write(tmp_path / "w.h5")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(UnreadableWeights, match=rf"cut short: \d+ of {len(whole)} bytes"):
        read_all(path)


@pytest.mark.parametrize("at", [0.002, 0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95])
def test_damage_in_the_middle_is_a_weights_error_or_harmless(at: float, tmp_path: Path) -> None:
    path = write(tmp_path / "w.h5")
    whole = bytearray(path.read_bytes())
    start = int(len(whole) * at)
    whole[start : start + 2048] = b"\xa5" * len(whole[start : start + 2048])
    path.write_bytes(whole)

    try:
        read_all(path)
    except WeightsError as error:
        assert str(path) in str(error)  # noqa: PT017 (the damage may hit unused bytes)


def test_a_file_of_no_keras_model_is_refused(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["something"] = [1, 2]

    with pytest.raises(WrongArchitecture, match="no Keras weights file"):
        read_all(tmp_path / "w.h5")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"conv1/kernel:0": None}, r"lacks 1 of the 811 tensors: conv1/kernel:0"),
        (
            {name: None for name in layout.tensors(SPEC) if name.startswith("res4b35_")},
            r"lacks 3 of the 811 tensors: res4b35_branch2a/kernel:0, ",
        ),
        ({"P3/kernel:0": (3, 3, 256, 128)}, r"holds P3/kernel:0 of shape \(3, 3, 256, 128\)"),
        (
            {KERNEL: (3, 3, 256, 720), BIAS: (720,)},
            "was trained for 80 classes, not for 20",
        ),
        ({"P8/kernel:0": (1, 1)}, "holds tensors of another network: P8/kernel:0"),
    ],
)
def test_another_network_is_named_by_its_first_difference(
    changes: dict[str, Any], why: str, tmp_path: Path
) -> None:
    with pytest.raises(WrongArchitecture, match=why):
        read_all(write(tmp_path / "w.h5", changes))


def test_half_precision_is_not_taken_for_the_published_file(tmp_path: Path) -> None:
    import h5py

    path = write(tmp_path / "w.h5")
    with h5py.File(path, "r+") as file:
        layer = file["model_weights/P3"]
        del layer["P3/bias:0"]
        layer.create_dataset("P3/bias:0", (256,), "<f2")

    with pytest.raises(WrongArchitecture, match="holds P3/bias:0 as float16"):
        read_all(path)


def test_nan_in_the_weights_is_refused(tmp_path: Path) -> None:
    import h5py

    path = write(tmp_path / "w.h5")
    with h5py.File(path, "r+") as file:
        file["model_weights/P3/P3/bias:0"][7] = np.nan

    with pytest.raises(WrongWeights, match="NaN or infinity in P3/bias:0"):
        read_all(path)
