"""Writing weights and reading them back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models import layout
from models.detector import Detector
from models.spec import ModelSpec
from models.weights import open_weights
from models.weights_writer import write_weights
from tests import tiny_network

pytestmark = pytest.mark.tensorflow

SPEC_OF = {
    "resnet": replace(tiny_network.SPEC, is_reference=False),
    "mobilenet": tiny_network.MOBILE,
}


def tensors(spec: ModelSpec) -> dict[str, NDArray[np.float32]]:
    generator = np.random.default_rng(3)
    return {
        name: generator.uniform(0.1, 1, shape).astype(np.float32)
        for name, shape in layout.tensors(spec).items()
    }


@pytest.mark.parametrize("name", sorted(SPEC_OF))
@pytest.mark.parametrize("compressed", [False, True])
def test_what_was_written_is_read(tmp_path: Path, name: str, *, compressed: bool) -> None:
    spec = SPEC_OF[name]
    written = tensors(spec)

    write_weights(tmp_path / "w.h5", spec, written, compressed=compressed)

    with open_weights(tmp_path / "w.h5", spec) as file:
        for tensor, numbers in written.items():
            np.testing.assert_array_equal(file.read(tensor), numbers)
        assert not file.unread


@pytest.mark.parametrize("name", sorted(SPEC_OF))
def test_a_detector_loads_what_was_written(tmp_path: Path, name: str) -> None:
    spec = SPEC_OF[name]
    # Offsets of zero: the boxes are the anchors.
    still = {
        tensor: np.zeros_like(numbers)
        for tensor, numbers in tensors(spec).items()
        if tensor.startswith("pyramid_regression")
    }
    write_weights(tmp_path / "w.h5", spec, tensors(spec) | still)

    found = Detector.load(spec, tmp_path / "w.h5").detect(
        np.zeros((50, 30), np.uint8), score_threshold=0.05, max_boxes=3
    )

    assert 0 < len(found.boxes) <= 3


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.h5", "b.h5"):
        write_weights(tmp_path / name, tiny_network.MOBILE, tensors(tiny_network.MOBILE))

    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"P3/bias:0": np.zeros(2, np.float32)}, r"P3/bias:0 has the shape \(2,\)"),
        ({"P3/bias:0": np.full(3, np.nan, np.float32)}, "P3/bias:0 holds NaN"),
        ({"P9/bias:0": np.zeros(3, np.float32)}, "missing or unknown .*P9/bias:0"),
    ],
)
def test_wrong_tensors_leave_no_file(
    tmp_path: Path, change: dict[str, NDArray[np.float32]], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        write_weights(tmp_path / "w.h5", tiny_network.MOBILE, tensors(tiny_network.MOBILE) | change)

    assert not list(tmp_path.iterdir())
