"""The networks with few channels: their geometry in milliseconds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import backend
from models.network import Network
from models.spec import SPECS, InvertedBlocks, MobileNetV2, ModelSpec, ResNet

SPEC: ModelSpec = replace(
    SPECS["reference"],
    backbone=ResNet(blocks=(1, 1, 1, 1), filters=(2, 2, 2, 2)),
    pyramid_filters=2,
    head_convolutions=1,
    classes=3,
    class_index=1,
    side=96,
)

MOBILE: ModelSpec = replace(
    SPECS["demonstration"],
    backbone=MobileNetV2(
        stem_filters=3,
        groups=(
            InvertedBlocks(1, 3, 1, 1),
            InvertedBlocks(2, 3, 2, 2),
            InvertedBlocks(2, 4, 1, 2),
            InvertedBlocks(2, 5, 2, 2),
            InvertedBlocks(2, 6, 1, 2),
        ),
        taps=(2, 3, 4),
    ),
    pyramid_filters=3,
    head_convolutions=1,
    side=96,
)


def build(spec: ModelSpec = SPEC, *, side: int | None = None) -> Network:
    """Build it with seeded random weights."""
    backend.load()
    from models import retinanet

    model = retinanet.build(spec, classes=1, folded=True, side=side)
    generator = np.random.default_rng(7)
    for layer in model.layers:
        layer.set_weights(
            [generator.normal(0, 0.3, weight.shape) for weight in layer.get_weights()]
        )
    return Network(model, (spec.class_index,))


def features(network: Network, *names: str, pixels: NDArray[np.float32]) -> list[Any]:
    """Run it on one image and give what some of its layers answer, without the batch."""
    import keras

    model = network.model
    cut = keras.Model(model.input, [model.get_layer(name).output for name in names])
    answers = cut.predict_on_batch(pixels[None])
    # Keras unwraps a list of one.
    return [np.asarray(answer)[0] for answer in (answers if len(names) > 1 else [answers])]


def pass_through(network: Network, name: str, *, row: int, column: int) -> None:
    """Make a convolution copy its first channel from one place of its kernel."""
    layer = network.model.get_layer(name)
    kernel: NDArray[np.float32] = np.zeros(layer.kernel.shape, np.float32)
    kernel[row, column, 0, 0] = 1
    layer.set_weights([kernel, np.zeros(layer.bias.shape, np.float32)])
