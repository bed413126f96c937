"""The feature pyramid: C3 to C5 in, P3 to P7 out."""

from __future__ import annotations

from typing import Any

from keras import layers, ops
from typing_extensions import override

from models import layout
from models.backbone import NHWC
from models.layout import Convolution
from models.spec import ModelSpec


def nearest_source(size: Any, wanted: Any) -> Any:
    """Index of the source pixel of each of ``wanted`` pixels: ``floor(i * size / wanted)``.

    TensorFlow 1 counted from the pixels' corners; TensorFlow 2's and OpenCV's nearest
    count from their centres, which is another pixel unless ``wanted`` is a multiple of
    ``size``. In integers, so there is no rounding to get wrong.
    """
    return ops.floor_divide(ops.arange(wanted, dtype="int32") * size, wanted)


# Keras has no type information, so its classes are Any to the type checker.
class UpsampleLike(layers.Layer):  # type: ignore[misc]
    """Nearest neighbour enlargement of the first input to the size of the second."""

    @override
    def call(self, inputs: list[Any]) -> Any:
        """Take for each pixel of the second input one of the first."""
        source, target = inputs
        for axis in (1, 2):
            index = nearest_source(ops.shape(source)[axis], ops.shape(target)[axis])
            source = ops.take(source, index, axis=axis)
        return source

    @override
    def compute_output_shape(
        self, input_shape: list[tuple[int | None, ...]]
    ) -> tuple[int | None, ...]:
        """Rows and columns of the second input, channels of the first."""
        source, target = input_shape
        return (source[0], target[1], target[2], source[3])


def _convolve(features: Any, convolution: Convolution) -> Any:
    return layers.Conv2D(
        convolution.filters,
        convolution.size,
        strides=convolution.stride,
        # TensorFlow's "same": with stride 2 the extra pixel of an even size is at the end.
        padding="same",
        kernel_initializer="zeros",
        data_format=NHWC,
        dtype="float32",
        name=convolution.name,
    )(features)


def levels(c3: Any, c4: Any, c5: Any, spec: ModelSpec) -> tuple[Any, ...]:
    """Merge coarse features into fine ones, and add two coarser levels.

    Returns
    -------
    tuple of KerasTensor
        P3 to P7 of ``spec.pyramid_filters`` channels, each half the size of the one
        before, rounded up.
    """
    table = layout.pyramid(spec)
    m5 = _convolve(c5, table["C5_reduced"])
    m4 = layers.Add(name="P4_merged")(
        [UpsampleLike(name="P5_upsampled")([m5, c4]), _convolve(c4, table["C4_reduced"])]
    )
    m3 = layers.Add(name="P3_merged")(
        [UpsampleLike(name="P4_upsampled")([m4, c3]), _convolve(c3, table["C3_reduced"])]
    )
    p6 = _convolve(c5, table["P6"])
    p7 = _convolve(layers.ReLU(name="C6_relu")(p6), table["P7"])
    return (
        _convolve(m3, table["P3"]),
        _convolve(m4, table["P4"]),
        _convolve(m5, table["P5"]),
        p6,
        p7,
    )
