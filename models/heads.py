"""The two heads, each shared by all pyramid levels."""

from __future__ import annotations

from typing import Any

from keras import layers

from models import layout
from models.backbone import NHWC
from models.layout import Convolution
from models.spec import ModelSpec


def _head(
    levels: tuple[Any, ...],
    table: tuple[Convolution, ...],
    *,
    values: int,
    activation: str,
    of: str,
) -> Any:
    last = table[-1]
    shared = [
        layers.Conv2D(
            convolution.filters,
            convolution.size,
            padding="same",
            activation=activation if convolution is last else "relu",
            kernel_initializer="zeros",
            data_format=NHWC,
            dtype="float32",
            name=convolution.name,
        )
        for convolution in table
    ]
    flatten = layers.Reshape((-1, values), name=f"{last.name}_reshape")
    answers = []
    for level in levels:
        current = level
        for layer in shared:
            current = layer(current)
        answers.append(flatten(current))
    return layers.Concatenate(axis=1, name=of)(answers)


def regression(levels: tuple[Any, ...], spec: ModelSpec) -> Any:
    """Predict four corner offsets for each anchor, (batch, anchors, 4)."""
    table = layout.regression_head(spec)
    return _head(levels, table, values=4, activation="linear", of="regression")


def classification(levels: tuple[Any, ...], spec: ModelSpec, classes: int) -> Any:
    """Predict a score from 0 to 1 for each anchor and class, (batch, anchors, classes)."""
    table = layout.classification_head(spec, classes)
    return _head(levels, table, values=classes, activation="sigmoid", of="classification")
