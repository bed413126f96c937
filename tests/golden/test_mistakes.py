"""The parity check can fail: each of these is a mistake that real ports have made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models import pyramid
from models.network import Network
from models.postprocess import detections
from models.preprocess import subtract_means
from models.spec import ModelSpec
from tests.golden import inputs, parity

pytestmark = pytest.mark.tensorflow

# Odd sizes, and three different channels: it sees what an 800x800 image cannot.
NAME = "colour97x131_raw"


def compare(network: Network, spec: ModelSpec) -> parity.Comparison:
    pixels = subtract_means(inputs.MAKERS[NAME](), spec)
    height, width = pixels.shape[:2]
    answers = network(pixels)
    found = detections(answers, spec, height=height, width=width, classes=network.classes)
    return parity.compare(parity.golden(NAME), answers, found)


def keras_epsilon(spec: ModelSpec, _monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    return replace(spec, backbone=replace(spec.backbone, batch_norm_epsilon=1e-3))


def stride_of_resnet_1_5(spec: ModelSpec, _monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    return replace(spec, backbone=replace(spec.backbone, stride_on_3x3=True))


def half_pixel_upsampling(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    from keras import ops

    def nearest_centre(size: Any, wanted: Any) -> Any:
        odd = ops.arange(wanted, dtype="int32") * 2 + 1
        return ops.floor_divide(odd * size, 2 * wanted)

    monkeypatch.setattr(pyramid, "nearest_source", nearest_centre)
    return spec


MISTAKES = [keras_epsilon, stride_of_resnet_1_5, half_pixel_upsampling]


def test_without_a_mistake_the_check_passes(whole: Network, spec: ModelSpec) -> None:
    assert not compare(whole, spec).problems


@pytest.mark.parametrize("folded", [False, True], ids=["layers", "folded"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistaken_network_fails_the_check(
    mistake: Callable[[ModelSpec, pytest.MonkeyPatch], ModelSpec],
    folded: bool,
    spec: ModelSpec,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mistaken = Network.load(mistake(spec, monkeypatch), weights, folded=folded)

    result = compare(mistaken, spec)

    assert result.measured["regression"] > 10 * parity.REGRESSION_TOLERANCE
    assert any("regression" in problem for problem in result.problems)
