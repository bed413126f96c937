"""The whole network: an image in, offsets and scores of every anchor out."""

from __future__ import annotations

from typing import Any

import keras

from models import backbone, heads, pyramid
from models.convolve import Form
from models.spec import ModelSpec


def build(
    spec: ModelSpec,
    *,
    classes: int,
    folded: bool,
    side: int | None,
    dtype: str = "float32",
) -> Any:
    """Build the network; its numbers are zeros until the weights are read.

    Parameters
    ----------
    classes : int
        Output channels for each anchor.
    folded : bool
        Whether the convolutions hold their batch normalisation.
    side : int or None
        Of the square input in pixels, or None for inputs of any size.
    dtype : str
        Keras' dtype policy of the convolutions; what comes out is float32 with each.

    Returns
    -------
    keras.Model
        From (batch, height, width, 3) float32 to ``[regression (batch, anchors, 4),
        classification (batch, anchors, classes)]``.
    """
    image = keras.Input((side, side, 3), dtype="float32", name="image")
    form = Form(folded=folded, dtype=dtype)
    features = backbone.features(image, spec.backbone, form)
    levels = pyramid.levels(*features, spec, form)
    model = keras.Model(
        image,
        [
            heads.regression(levels, spec, form),
            heads.classification(levels, spec, form, classes),
        ],
        name="retinanet",
    )
    # XLA is slower here on a CPU (2.3 s against 1.7 s an image) and takes more memory.
    model.jit_compile = False
    return model
