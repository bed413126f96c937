"""The two heads, each shared by all pyramid levels."""

from __future__ import annotations

from typing import Any

from keras import layers

from models import layout
from models.convolve import Form, convolution_layer
from models.layout import Convolution
from models.spec import ModelSpec


def _head(
    levels: tuple[Any, ...], table: tuple[Convolution, ...], form: Form, *, values: int, of: str
) -> Any:
    last = table[-1]
    shared = [
        convolution_layer(
            convolution,
            form,
            padding="same",
            activation=None if convolution is last else "relu",
            use_bias=True,
        )
        for convolution in table
    ]
    flatten = layers.Reshape((-1, values), dtype="float32", name=f"{last.name}_reshape")
    answers = []
    for level in levels:
        current = level
        for layer in shared:
            current = layer(current)
        answers.append(flatten(current))
    return layers.Concatenate(axis=1, dtype="float32", name=of)(answers)


def regression(levels: tuple[Any, ...], spec: ModelSpec, form: Form) -> Any:
    """Predict four corner offsets for each anchor, (batch, anchors, 4), float32."""
    return _head(levels, layout.regression_head(spec), form, values=4, of="regression")


def classification(levels: tuple[Any, ...], spec: ModelSpec, form: Form, classes: int) -> Any:
    """Predict a score from 0 to 1 for each anchor and class, (batch, anchors, classes).

    The sigmoid is computed in float32, whatever the convolutions are computed in.
    """
    table = layout.classification_head(spec, classes)
    logits = _head(levels, table, form, values=classes, of="logits")
    return layers.Activation("sigmoid", dtype="float32", name="classification")(logits)
