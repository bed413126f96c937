"""The residual network: an image in, the features C3, C4 and C5 out."""

from __future__ import annotations

from typing import Any

from keras import layers

from models import layout
from models.layout import Block, Convolution
from models.spec import Backbone

NHWC = "channels_last"
"""Said to each layer: a user's Keras settings may have another default."""


def convolve(
    features: Any,
    convolution: Convolution,
    *,
    epsilon: float,
    folded: bool,
    activation: str | None = None,
) -> Any:
    """Apply a convolution, its batch normalisation (folded or not), and its activation."""
    normalised = bool(convolution.batch_norm) and not folded
    padding = "valid"
    if convolution.size > 1 and convolution.stride == 1:
        # The same as explicit zeros on all sides, without a copy of the features.
        padding = "same"
    elif convolution.size > 1:
        # TensorFlow's "same" would pad even sizes at the bottom and the right only.
        features = layers.ZeroPadding2D(
            convolution.size // 2, data_format=NHWC, name=f"padding_{convolution.name}"
        )(features)
    features = layers.Conv2D(
        convolution.filters,
        convolution.size,
        strides=convolution.stride,
        padding=padding,
        use_bias=not normalised,
        activation=None if normalised else activation,
        # The numbers come from the file: drawing 71 million random ones first takes seconds.
        kernel_initializer="zeros",
        data_format=NHWC,
        dtype="float32",
        name=convolution.name,
    )(features)
    if not normalised:
        return features
    features = layers.BatchNormalization(
        epsilon=epsilon, trainable=False, dtype="float32", name=convolution.batch_norm
    )(features)
    if activation is None:
        return features
    return layers.Activation(activation, name=f"{convolution.name}_{activation}")(features)


def _bottleneck(features: Any, block: Block, *, epsilon: float, folded: bool) -> Any:
    shortcut = features
    for convolution in (block.reduce, block.middle):
        features = convolve(
            features, convolution, epsilon=epsilon, folded=folded, activation="relu"
        )
    features = convolve(features, block.expand, epsilon=epsilon, folded=folded)
    if block.shortcut is not None:
        shortcut = convolve(shortcut, block.shortcut, epsilon=epsilon, folded=folded)
    name = block.expand.name.removesuffix("_branch2c")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=name)([features, shortcut]))


def features(image: Any, backbone: Backbone, *, folded: bool) -> tuple[Any, Any, Any]:
    """Extract the features at an eighth, a sixteenth and a thirty-second of the size.

    Parameters
    ----------
    image : KerasTensor, (batch, height, width, 3)
    folded : bool
        Whether the convolutions hold their batch normalisation.

    Returns
    -------
    tuple of KerasTensor
        C3, C4, C5 of 512, 1024 and 2048 channels.
    """
    epsilon = backbone.batch_norm_epsilon
    current = convolve(image, layout.stem(), epsilon=epsilon, folded=folded, activation="relu")
    # TensorFlow's "same": an even size gets its extra pixel at the bottom and the right only.
    current = layers.MaxPooling2D(3, strides=2, padding="same", data_format=NHWC, name="pool1")(
        current
    )
    found = []
    for stage in layout.stages(backbone):
        for block in stage:
            current = _bottleneck(current, block, epsilon=epsilon, folded=folded)
        found.append(current)
    _, c3, c4, c5 = found
    return c3, c4, c5
