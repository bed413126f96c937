"""The numbers of one convolution as a network takes them from a weights file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models import layout, reference_weights
from models.errors import WrongArchitecture, WrongWeights
from models.fold import fold_batch_norm, keep_classes
from models.layout import Convolution
from models.spec import ModelSpec
from models.weights import WeightsFile

CLASS_LAYER = "pyramid_classification"

Parameters = tuple[NDArray[np.float32], NDArray[np.float32]]
"""A kernel (rows, columns, in, out) and a bias (out,)."""


def labels(spec: ModelSpec, kept: tuple[int, ...] | None) -> tuple[int, ...]:
    """Give the class labels to keep; None keeps all of them."""
    return tuple(range(spec.classes)) if kept is None else kept


def folded(
    file: WeightsFile, convolution: Convolution, spec: ModelSpec, classes: tuple[int, ...]
) -> Parameters:
    """Read a convolution with its batch normalisation in it, and of some classes alone."""
    kernel = file.read(convolution.kernel)
    if convolution.batch_norm:
        norm = [file.read(name) for name in convolution.batch_norm_tensors]
        return fold_batch_norm(kernel, *norm, epsilon=convolution.epsilon)
    bias = file.read(convolution.bias)
    if convolution.name == CLASS_LAYER:
        return keep_classes(kernel, spec.classes, classes), keep_classes(
            bias, spec.classes, classes
        )
    return kernel, bias


def check_all_read(file: WeightsFile, path: Path) -> None:
    """Refuse a file of which the network left something unused."""
    if file.unread:
        raise WrongArchitecture(path, f"holds unused tensors: {sorted(file.unread)}")


def check_origin(file: WeightsFile, spec: ModelSpec, path: Path) -> None:
    """Keep random numbers from answering as a trained model, and the other way round."""
    name = f"{CLASS_LAYER}/bias:0"
    shape = layout.tensors(spec)[name]
    random = bool(np.array_equal(file.read(name), reference_weights.tensor(name, shape)))
    if random and not spec.is_reference:
        raise WrongWeights(
            path,
            "holds the reference weights (random numbers), which are for the model 'reference' "
            "alone",
        )
    if spec.is_reference and not random:
        raise WrongWeights(
            path, "does not hold the reference weights; use it with the model 'ueda2022'"
        )
