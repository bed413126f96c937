"""The feature pyramid: C3 to C5 in, P3 to P7 out."""

from __future__ import annotations

from typing import Any

from keras import layers, ops
from typing_extensions import override

from models import layout
from models.convolve import Form, convolution_layer
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


def levels(c3: Any, c4: Any, c5: Any, spec: ModelSpec, form: Form) -> tuple[Any, ...]:
    """Merge coarse features into fine ones, and add two coarser levels.

    Returns
    -------
    tuple of KerasTensor
        P3 to P7 of ``spec.pyramid_filters`` channels, each half the size of the one
        before, rounded up.
    """
    table = layout.pyramid(spec)

    def convolve(features: Any, name: str) -> Any:
        # TensorFlow's "same": with stride 2 the extra pixel of an even size is at the end.
        return convolution_layer(table[name], form, padding="same", activation=None, use_bias=True)(
            features
        )

    def enlarged(features: Any, target: Any, name: str) -> Any:
        return UpsampleLike(dtype=form.dtype, name=name)([features, target])

    def added(name: str, *features: Any) -> Any:
        return layers.Add(dtype=form.dtype, name=name)(list(features))

    m5 = convolve(c5, "C5_reduced")
    m4 = added("P4_merged", enlarged(m5, c4, "P5_upsampled"), convolve(c4, "C4_reduced"))
    m3 = added("P3_merged", enlarged(m4, c3, "P4_upsampled"), convolve(c3, "C3_reduced"))
    p6 = convolve(c5, "P6")
    p7 = convolve(layers.ReLU(dtype=form.dtype, name="C6_relu")(p6), "P7")
    return (convolve(m3, "P3"), convolve(m4, "P4"), convolve(m5, "P5"), p6, p7)
