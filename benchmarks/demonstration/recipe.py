"""Every choice in the training of the demonstration model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models import layout
from models.demonstration.imagenet import backbone_tensors
from models.spec import SPECS, MobileNetV2
from models.training.recipe import Border, Recipe, Schedule

SPEC: Final = SPECS["demonstration"]

TRAINING_IMAGES: Final = 3000
VALIDATION_IMAGES: Final = 120
HELD_OUT_IMAGES: Final = 300

TRAINING_SEED: Final = 1
VALIDATION_SEED: Final = 2
HELD_OUT_SEED: Final = 3
"""Of the generator; no two groups share an image."""

FIRST: Final = Recipe(
    epochs=15,
    steps=800,
    # The published rate is for a large network that was trained before.
    learning_rate=4e-4,
    clipnorm=5.0,
    schedule=Schedule.COSINE,
    warmup_steps=200,
    # Edges and spots are the same on a film as on a photograph; a step takes a quarter less.
    freeze=("stem", "block1_", "block2_"),
    # What of an image is breast at most; a step takes a third of the time.
    window=(640, 448),
    scaling=0.15,
    # A breast that is upside down is no mammogram.
    flip_y=0.0,
    border=Border.BLACK,
    brightness=0.05,
    contrast=0.25,
    gamma=0.3,
    noise=0.015,
    blur=0.8,
    watch_iou=0.3,
    watch_mfpi=0.5,
)

SECOND: Final = replace(FIRST, epochs=12, learning_rate=2.5e-4, warmup_steps=100, seed=1)
"""Goes on from the best weights of the first: a cosine that starts anew."""

MANTISSA_BITS: Final = 11
"""Kept of the 23 of a float32: the file compresses to half, the boxes stay."""


def initial_tensors(imagenet: Path) -> dict[str, NDArray[np.float32]]:
    """Give the backbone that was trained on ImageNet, and the start of pyramid and heads.

    The published deviation of 0.01 is for 256 channels: with 64, what four convolutions
    leave of the features is a hundredth, and training stands still for hours. So the
    convolutions before the last one of each head are drawn as He et al. say.

    Parameters
    ----------
    imagenet : Path
        ``mobilenet_v2-b0353104.pth`` of torchvision.
    """
    if not isinstance(SPEC.backbone, MobileNetV2):
        raise TypeError(f"{SPEC.name} has another backbone")
    generator = np.random.default_rng(FIRST.seed)
    tensors = backbone_tensors(imagenet, SPEC.backbone)
    heads = (*layout.regression_head(SPEC)[:-1], *layout.classification_head(SPEC, 1)[:-1])
    for convolution, gain in (
        *((convolution, 1.0) for convolution in layout.pyramid(SPEC).values()),
        # A ReLU follows and halves the power.
        *((convolution, 2.0) for convolution in heads),
    ):
        shape = convolution.tensors()[convolution.kernel]
        fan_in = shape[0] * shape[1] * shape[2]
        drawn = generator.standard_normal(shape) * np.sqrt(gain / fan_in)
        tensors[convolution.kernel] = drawn.astype(np.float32)
    return tensors


def shortened(tensors: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Round each number to ``MANTISSA_BITS``, ties away from zero."""
    dropped = 23 - MANTISSA_BITS
    half, mask = np.uint32(1 << (dropped - 1)), np.uint32(~((1 << dropped) - 1) & 0xFFFFFFFF)
    return {
        name: ((numbers.view(np.uint32) + half) & mask).view(np.float32)
        for name, numbers in tensors.items()
    }
