"""The backbone that a model names: an image in, the features C3, C4 and C5 out."""

from __future__ import annotations

from typing import Any

from models import mobilenet, resnet
from models.convolve import Form
from models.spec import MobileNetV2, ResNet


def features(image: Any, backbone: ResNet | MobileNetV2, form: Form) -> tuple[Any, Any, Any]:
    """Extract the features at an eighth, a sixteenth and a thirty-second of the size.

    Parameters
    ----------
    image : KerasTensor, (batch, height, width, 3)

    Returns
    -------
    tuple of KerasTensor
        C3, C4, C5; ``layout.feature_channels`` counts their channels.
    """
    if isinstance(backbone, MobileNetV2):
        return mobilenet.features(image, backbone, form)
    return resnet.features(image, backbone, form)
