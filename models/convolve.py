"""One convolution of the tables as Keras layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from keras import layers

from models.layout import Convolution

NHWC: Final = "channels_last"
"""Said to each layer: a user's Keras settings may have another default."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a network is built; its answers are the same but for the last bits.

    Parameters
    ----------
    folded : bool
        Whether the convolutions hold their batch normalisation.
    dtype : str
        Keras' dtype policy: ``float32``, or ``mixed_bfloat16`` and ``mixed_float16``,
        which compute in 16 bits and keep the weights in 32.
    """

    folded: bool = True
    dtype: str = "float32"


def convolution_layer(
    convolution: Convolution, form: Form, *, padding: str, activation: str | None, use_bias: bool
) -> Any:
    """Make the layer of a convolution; its numbers are zeros until the weights are read."""
    # Drawing 71 million random numbers first takes seconds.
    kind = layers.Conv2D
    options: dict[str, Any] = {"filters": convolution.filters, "kernel_initializer": "zeros"}
    if convolution.depthwise:
        kind = layers.DepthwiseConv2D
        options = {"depthwise_initializer": "zeros"}
    return kind(
        kernel_size=convolution.size,
        strides=convolution.stride,
        padding=padding,
        activation=activation,
        use_bias=use_bias,
        data_format=NHWC,
        dtype=form.dtype,
        name=convolution.name,
        **options,
    )


def convolve(
    features: Any, convolution: Convolution, form: Form, *, activation: str | None = None
) -> Any:
    """Apply a convolution, its batch normalisation (folded or not), and its activation."""
    normalised = bool(convolution.batch_norm) and not form.folded
    padding = "valid"
    if convolution.size > 1 and convolution.stride == 1:
        # The same as explicit zeros on all sides, without a copy of the features.
        padding = "same"
    elif convolution.size > 1:
        # TensorFlow's "same" would pad even sizes at the bottom and the right only.
        features = layers.ZeroPadding2D(
            convolution.size // 2,
            data_format=NHWC,
            dtype=form.dtype,
            name=f"padding_{convolution.name}",
        )(features)
    features = convolution_layer(
        convolution,
        form,
        padding=padding,
        activation=None if normalised else activation,
        use_bias=not normalised,
    )(features)
    if not normalised:
        return features
    features = layers.BatchNormalization(
        epsilon=convolution.epsilon,
        trainable=False,
        dtype=form.dtype,
        name=convolution.batch_norm,
    )(features)
    if activation is None:
        return features
    return layers.Activation(activation, dtype=form.dtype, name=f"{convolution.name}_{activation}")(
        features
    )
