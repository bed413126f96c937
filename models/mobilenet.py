"""MobileNetV2: an image in, the features C3, C4 and C5 out."""

from __future__ import annotations

from typing import Any

from keras import layers

from models import layout
from models.convolve import Form, convolve
from models.layout import InvertedBlock
from models.spec import MobileNetV2


def _inverted(features: Any, block: InvertedBlock, form: Form) -> Any:
    current = features
    if block.expand is not None:
        current = convolve(current, block.expand, form, activation="relu6")
    current = convolve(current, block.depthwise, form, activation="relu6")
    # No activation after it: a narrow layer would lose what a ReLU cuts off.
    current = convolve(current, block.project, form)
    if not block.has_shortcut:
        return current
    name = block.project.name.removesuffix("_project")
    return layers.Add(dtype=form.dtype, name=name)([features, current])


def features(image: Any, backbone: MobileNetV2, form: Form) -> tuple[Any, Any, Any]:
    """Extract the features at an eighth, a sixteenth and a thirty-second of the size.

    Parameters
    ----------
    image : KerasTensor, (batch, height, width, 3)

    Returns
    -------
    tuple of KerasTensor
        C3, C4, C5 of 32, 96 and 320 channels.

    References
    ----------
    Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018.
    """
    current = convolve(image, layout.mobile_stem(backbone), form, activation="relu6")
    found = []
    for group in layout.inverted_groups(backbone):
        for block in group:
            current = _inverted(current, block, form)
        found.append(current)
    c3, c4, c5 = (found[tap] for tap in backbone.taps)
    return c3, c4, c5
