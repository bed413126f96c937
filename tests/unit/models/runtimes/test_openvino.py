"""OpenVINO's network against Keras', on small networks and sizes that hide nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models import layout, runtimes
from models.errors import CannotCompute, WrongWeights
from models.network import Network
from models.runtimes.openvino import OpenvinoNetwork
from models.spec import ModelSpec, Resize, ResNet
from models.weights_writer import write_weights
from tests import tiny_network

pytestmark = [pytest.mark.openvino, pytest.mark.tensorflow]

RESNET = replace(tiny_network.SPEC, is_reference=False)
SPEC_OF = {
    "resnet": RESNET,
    "resnet of another kind": replace(
        RESNET,
        backbone=ResNet(blocks=(2, 1, 2, 1), filters=(3, 2, 4, 3), stride_on_3x3=True),
        head_convolutions=2,
    ),
    "mobilenet": tiny_network.MOBILE,
}

# Odd, even, tall and wide: paddings and enlargements differ between them.
SIZES = [(96, 96), (97, 131), (66, 131), (1, 33), (130, 64)]


def weights_file(folder: Path, spec: ModelSpec) -> Path:
    """Write random weights under which some answers differ from pixel to pixel."""
    generator = np.random.default_rng(11)
    tensors = {
        name: (
            generator.uniform(0.5, 1.5, shape)
            if name.endswith(("gamma:0", "variance:0"))
            else generator.normal(0, 0.4, shape)
        ).astype(np.float32)
        for name, shape in layout.tensors(spec).items()
    }
    path = folder / "weights.h5"
    write_weights(path, spec, tensors)
    return path


def pictures(count: int, height: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(5).normal(0, 60, (count, height, width, 3)).astype(np.float32)


@pytest.mark.parametrize("name", sorted(SPEC_OF))
def test_it_answers_as_keras_does_on_every_size(name: str, tmp_path: Path) -> None:
    spec = replace(SPEC_OF[name], resize=Resize.PUBLISHED_SCRIPT)  # inputs of any size
    path = weights_file(tmp_path, spec)
    keras = Network.load(spec, path)
    openvino = OpenvinoNetwork.load(spec, path)
    assert openvino.classes == keras.classes == tuple(range(spec.classes))

    for height, width in SIZES:
        batch = pictures(2, height, width)
        for wanted, found in zip(keras.run(batch), openvino.run(batch), strict=True):
            assert np.ptp(wanted.classification) > 1e-3
            largest = np.abs(wanted.regression).max()
            np.testing.assert_allclose(
                found.regression, wanted.regression, rtol=0, atol=1e-5 * largest
            )
            np.testing.assert_allclose(found.classification, wanted.classification, atol=1e-5)


def test_one_class_of_three_is_kept_with_its_label(tmp_path: Path) -> None:
    path = weights_file(tmp_path, RESNET)
    every = OpenvinoNetwork.load(RESNET, path)
    one = OpenvinoNetwork.load(RESNET, path, kept=(1,))
    batch = pictures(1, 96, 96)

    (wanted,), (found,) = every.run(batch), one.run(batch)

    assert one.classes == (1,)
    np.testing.assert_allclose(found.classification, wanted.classification[:, 1:2], atol=1e-6)


def test_its_answers_are_not_overwritten_by_the_next_run(tmp_path: Path) -> None:
    network = OpenvinoNetwork.load(RESNET, weights_file(tmp_path, RESNET))
    first, second = pictures(2, 96, 96)

    (answers,) = network.run(first[None])
    before = answers.classification.copy()
    network.run(second[None])

    np.testing.assert_array_equal(answers.classification, before)


def test_random_weights_never_answer_as_a_trained_model(tmp_path: Path) -> None:
    path = weights_file(tmp_path, RESNET)

    with pytest.raises(WrongWeights, match="does not hold the reference weights"):
        OpenvinoNetwork.load(tiny_network.SPEC, path)


@pytest.mark.parametrize(("precision", "xla"), [("bfloat16", False), ("float32", True)])
@pytest.mark.parametrize("runtime", [runtimes.KERAS, runtimes.OPENVINO])
def test_what_a_cpu_computes_slower_and_wrong_is_refused(
    runtime: str, precision: str, xla: bool, tmp_path: Path
) -> None:
    path = weights_file(tmp_path, RESNET)

    with pytest.raises(CannotCompute, match=r"float32|a CPU"):
        runtimes.load(runtime, RESNET, path, kept=(1,), precision=precision, xla=xla)
