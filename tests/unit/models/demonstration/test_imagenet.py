"""torchvision's names and axes as ours."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models import layout
from models.demonstration import imagenet
from models.spec import SPECS, MobileNetV2


@pytest.fixture
def backbone() -> MobileNetV2:
    found = SPECS["demonstration"].backbone
    assert isinstance(found, MobileNetV2)
    return found


def state_dictionary() -> dict[str, NDArray[np.float32]]:
    """What torchvision's model holds, by PyTorch's axes, with every number 1 but the mean's."""
    shapes: dict[str, tuple[int, ...]] = {}

    def add(kernel: str, norm: str, *shape: int) -> None:
        shapes[f"{kernel}.weight"] = shape
        for leaf in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{norm}.{leaf}"] = (shape[0],)

    add("features.0.0", "features.0.1", 32, 3, 3, 3)
    # Expansion, channels, repeats as in table 2 of the paper.
    inputs, number = 32, 1
    for expansion, channels, repeats in (
        (1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1),
    ):  # fmt: skip
        for _ in range(repeats):
            wide, place, name = inputs * expansion, 0, f"features.{number}.conv"
            if expansion > 1:
                add(f"{name}.0.0", f"{name}.0.1", wide, inputs, 1, 1)
                place = 1
            add(f"{name}.{place}.0", f"{name}.{place}.1", wide, 1, 3, 3)
            add(f"{name}.{place + 1}", f"{name}.{place + 2}", channels, wide, 1, 1)
            inputs, number = channels, number + 1
    generator = np.random.default_rng(5)
    return {
        name: generator.uniform(0.5, 1.5, shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def test_every_tensor_of_the_backbone_is_found_with_its_shape(
    backbone: MobileNetV2, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(imagenet, "read_tensors", lambda _path: state_dictionary())

    found = imagenet.backbone_tensors(tmp_path, backbone)  # type: ignore[arg-type]

    expected = {
        name: shape
        for convolution in layout.backbone_convolutions(backbone)
        for name, shape in convolution.tensors().items()
    }
    assert {name: numbers.shape for name, numbers in found.items()} == expected


def test_a_kernel_has_its_axes_turned_and_its_normalisation_inside(
    backbone: MobileNetV2, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    held = state_dictionary()
    monkeypatch.setattr(imagenet, "read_tensors", lambda _path: held)

    found = imagenet.backbone_tensors(tmp_path, backbone)  # type: ignore[arg-type]

    def factor(norm: str, channel: int) -> float:
        variance = float(held[f"{norm}.running_var"][channel])
        return float(held[f"{norm}.weight"][channel]) / (variance + 1e-5) ** 0.5

    # Output 5, input 2 (blue), row 0, column 1; torchvision divides blue by 255 * 0.225.
    expected = held["features.0.0.weight"][5, 2, 0, 1] * factor("features.0.1", 5) / 57.375
    assert found["stem/kernel:0"][0, 1, 2, 5] == pytest.approx(expected, rel=1e-6)
    # A depthwise kernel has no inputs but its own channel.
    expected = held["features.2.conv.1.0.weight"][7, 0, 2, 1] * factor("features.2.conv.1.1", 7)
    assert found["block2_1_depthwise/kernel:0"][2, 1, 7, 0] == pytest.approx(expected, rel=1e-6)
    mean = float(held["features.2.conv.1.1.running_mean"][7])
    bias = float(held["features.2.conv.1.1.bias"][7]) - mean * factor("features.2.conv.1.1", 7)
    assert found["block2_1_depthwise/bias:0"][7] == pytest.approx(bias, rel=1e-5)
