"""The residual network: an image in, the features C3, C4 and C5 out."""

from __future__ import annotations

from typing import Any

from keras import layers

from models import layout
from models.convolve import NHWC, Form, convolve
from models.layout import Block
from models.spec import ResNet


def _bottleneck(features: Any, block: Block, form: Form) -> Any:
    shortcut = features
    for convolution in (block.reduce, block.middle):
        features = convolve(features, convolution, form, activation="relu")
    features = convolve(features, block.expand, form)
    if block.shortcut is not None:
        shortcut = convolve(shortcut, block.shortcut, form)
    name = block.expand.name.removesuffix("_branch2c")
    added = layers.Add(dtype=form.dtype, name=name)([features, shortcut])
    return layers.ReLU(dtype=form.dtype, name=f"{name}_relu")(added)


def features(image: Any, backbone: ResNet, form: Form) -> tuple[Any, Any, Any]:
    """Extract the features at an eighth, a sixteenth and a thirty-second of the size.

    Parameters
    ----------
    image : KerasTensor, (batch, height, width, 3)

    Returns
    -------
    tuple of KerasTensor
        C3, C4, C5 of 512, 1024 and 2048 channels.
    """
    current = convolve(image, layout.stem(backbone), form, activation="relu")
    # TensorFlow's "same": an even size gets its extra pixel at the bottom and the right only.
    current = layers.MaxPooling2D(
        3, strides=2, padding="same", data_format=NHWC, dtype=form.dtype, name="pool1"
    )(current)
    found = []
    for stage in layout.stages(backbone):
        for block in stage:
            current = _bottleneck(current, block, form)
        found.append(current)
    _, c3, c4, c5 = found
    return c3, c4, c5
