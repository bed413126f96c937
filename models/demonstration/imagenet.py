"""The ImageNet weights of torchvision's MobileNetV2 as our backbone's tensors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models import layout
from models.demonstration.torch_file import read_tensors
from models.fold import fold_batch_norm
from models.layout import Convolution
from models.spec import MobileNetV2

EPSILON: Final = 1e-5
"""PyTorch's default of a batch normalisation."""

DEVIATIONS: Final = (58.395, 57.12, 57.375)
"""ImageNet's of red, green and blue; torchvision divides by them, we do it in the first kernel."""

_LEAVES: Final = ("weight", "bias", "running_mean", "running_var")


def backbone_tensors(path: Path, backbone: MobileNetV2) -> dict[str, NDArray[np.float32]]:
    """Read the backbone, its batch normalisations folded into its convolutions.

    Parameters
    ----------
    path : Path
        ``mobilenet_v2-b0353104.pth``, BSD-3-Clause, of torchvision.

    Returns
    -------
    dict
        By the names of ``layout.backbone_convolutions``.
    """
    held = read_tensors(path)
    found: dict[str, NDArray[np.float32]] = {}
    for convolution, kernel_name, norm_name in _names(backbone):
        # PyTorch has (out, in, rows, columns), and (channels, 1, rows, columns) depthwise.
        kernel = held[f"{kernel_name}.weight"].transpose(2, 3, 1, 0)
        norm = [held[f"{norm_name}.{leaf}"] for leaf in _LEAVES]
        kernel, bias = fold_batch_norm(kernel, *norm, epsilon=EPSILON)
        if convolution.depthwise:
            kernel = kernel.transpose(0, 1, 3, 2)
        if convolution.inputs == len(DEVIATIONS):
            kernel = kernel / np.asarray(DEVIATIONS, np.float32)[:, None]
        found[convolution.kernel] = np.ascontiguousarray(kernel)
        found[convolution.bias] = bias
    return found


def _names(backbone: MobileNetV2) -> Iterator[tuple[Convolution, str, str]]:
    """Give each convolution and the names of its kernel and its batch normalisation."""
    yield layout.mobile_stem(backbone), "features.0.0", "features.0.1"
    blocks = [block for group in layout.inverted_groups(backbone) for block in group]
    for number, block in enumerate(blocks, start=1):
        for place, convolution in enumerate(block.convolutions()):
            name = f"features.{number}.conv"
            if convolution is block.project:
                yield convolution, f"{name}.{place}", f"{name}.{place + 1}"
            else:
                yield convolution, f"{name}.{place}.0", f"{name}.{place}.1"
