"""The numbers that training starts with: drawn, or from a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models import layout
from models.errors import UnreadableWeights, WrongArchitecture, WrongWeights
from models.fold import keep_classes
from models.layout import Convolution
from models.spec import ModelSpec
from models.training.parts import Part, part_of
from models.training.recipe import Recipe
from models.weights import DAMAGE

Tensors = dict[str, NDArray[np.float32]]
"""By the names of ``layout.tensors``."""

PRIOR: Final = 0.01
"""Probability of a lesion that the class head answers for every anchor at first."""

HEAD_DEVIATION: Final = 0.01

PIXEL_DEVIATION: Final = 58.0
"""Of natural pictures; a backbone drawn at random has its first convolution divide by it."""

_LAST: Final = ("pyramid_regression", "pyramid_classification")

_DRAWN: Final = 3  # keeps this stream of the seed apart from those of ``samples``


class Given(NamedTuple):
    """Numbers from a file, and which parts of the network they are."""

    tensors: Tensors
    parts: tuple[Part, ...]


def drawn_tensors(spec: ModelSpec, seed: int, *, head_deviation: float = HEAD_DEVIATION) -> Tensors:
    """Draw all numbers of a network.

    The heads as published (normal with deviation 0.01, the class bias a prior of 0.01),
    the pyramid uniform by Glorot and Bengio, the backbone normal by He et al. with batch
    normalisations that change nothing.

    Parameters
    ----------
    head_deviation : float
        Of the convolutions before the last one of each head; 0 is that of He et al.
    """
    generator = np.random.default_rng([seed, _DRAWN])
    residual = _residual_gain(spec)
    first = next(layout.backbone_convolutions(spec.backbone)).name
    found: Tensors = {}
    for convolution in layout.convolutions(spec):
        shape = convolution.tensors()[convolution.kernel]
        inputs = int(np.prod(shape[:2])) * (1 if convolution.depthwise else convolution.inputs)
        normal = generator.standard_normal(shape)
        part = part_of(convolution.name, spec)
        if convolution.name in _LAST:
            kernel = normal * HEAD_DEVIATION
        elif part == Part.HEADS:
            kernel = normal * (head_deviation or np.sqrt(2 / inputs))
        elif part == Part.PYRAMID:
            outputs = int(np.prod(shape[:2])) * convolution.filters
            kernel = generator.uniform(-1, 1, shape) * np.sqrt(6 / (inputs + outputs))
        else:
            kernel = normal * np.sqrt(2 / inputs) * residual.get(convolution.name, 1.0)
            if convolution.name == first:
                kernel /= PIXEL_DEVIATION
        found[convolution.kernel] = kernel.astype(np.float32)
        found |= _offsets(convolution)
    return found


def _offsets(convolution: Convolution) -> Tensors:
    ones: NDArray[np.float32] = np.ones(convolution.filters, np.float32)
    if convolution.batch_norm:
        values = (ones, ones * 0, ones * 0, ones)
        return dict(zip(convolution.batch_norm_tensors, values, strict=True))
    bias = ones * 0
    if convolution.name == "pyramid_classification":
        bias = ones * np.float32(-np.log((1 - PRIOR) / PRIOR))
    return {convolution.bias: bias}


def _residual_gain(spec: ModelSpec) -> dict[str, float]:
    """Make the sum of all residual branches as large as one: nothing normalises them."""
    names = [
        convolution.name
        for convolution in layout.backbone_convolutions(spec.backbone)
        if convolution.name.endswith("_branch2c")
    ]
    return dict.fromkeys(names, 1 / np.sqrt(max(1, len(names))))


def given_tensors(path: Path, spec: ModelSpec, *, class_index: int | None = None) -> Given:
    """Read the numbers of a whole network, or of a backbone alone, from an HDF5 file.

    Any file of Keras whose tensors have the names and shapes of ``layout``: one of this
    program, the published one, or a backbone of keras-resnet.

    Parameters
    ----------
    spec : ModelSpec
        Of the network to train. A part of another shape in the file is left out, but not
        the backbone.
    class_index : int or None
        Which of the file's classes is ours, when it has more of them.

    Raises
    ------
    UnreadableWeights
        The file is no HDF5 file, or is damaged.
    WrongArchitecture
        The file does not hold this backbone.
    WrongWeights
        There is a NaN or an infinity in it.
    """
    held = _read(path)
    wanted: dict[Part, Tensors] = {part: {} for part in Part}
    lacking: dict[Part, list[str]] = {part: [] for part in Part}
    for name, shape in layout.tensors(spec).items():
        part = part_of(name.split("/")[0], spec)
        tensor = held.get(name)
        if tensor is not None and class_index is not None:
            tensor = _one_class(name, tensor, shape, spec, class_index)
        if tensor is None or tensor.shape != shape:
            lacking[part].append(name)
            continue
        if not np.isfinite(tensor).all():
            raise WrongWeights(path, f"holds NaN or infinity in {name}")
        wanted[part][name] = tensor.astype(np.float32)
    if missing := lacking[Part.BACKBONE]:
        raise WrongArchitecture(
            path,
            f"does not hold the backbone of {spec.name}: {len(missing)} of its tensors are "
            f"missing or of another shape, such as {missing[0]}",
        )
    whole = tuple(part for part in Part if not lacking[part])
    return Given({name: of for part in whole for name, of in wanted[part].items()}, whole)


def _one_class(
    name: str,
    tensor: NDArray[np.float32],
    shape: tuple[int, ...],
    spec: ModelSpec,
    class_index: int,
) -> NDArray[np.float32]:
    """Leave one class in the last convolution of the class head."""
    anchors = spec.anchors.per_location
    classes, rest = divmod(tensor.shape[-1], anchors) if tensor.ndim else (0, 1)
    ours = name.startswith("pyramid_classification/") and shape[-1] == anchors
    if not ours or rest or not class_index < classes:
        return tensor
    return keep_classes(tensor, classes, (class_index,))


def _read(path: Path) -> Tensors:
    """Read every array of numbers by its last two names, layer and tensor."""
    # h5py comes with TensorFlow: the extra "cpu" or "gpu", not the bare node.
    import h5py

    found: Tensors = {}

    def take(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and "optimizer_weights" not in name:
            found["/".join(name.split("/")[-2:])] = item[()]

    try:
        with h5py.File(path, "r") as file:
            file.visititems(take)
    except DAMAGE as error:
        raise UnreadableWeights(path, f"cannot be read: {error}") from error
    return found


def initial_tensors(
    spec: ModelSpec, recipe: Recipe, given: Mapping[str, NDArray[np.float32]]
) -> Tensors:
    """Draw all numbers and put the given ones in their place.

    Raises
    ------
    ValueError
        A given tensor is unknown or of another shape.
    """
    found = drawn_tensors(spec, recipe.seed, head_deviation=recipe.head_deviation)
    for name, tensor in given.items():
        if name not in found or found[name].shape != tensor.shape:
            raise ValueError(f"{name} of shape {tensor.shape} is no tensor of {spec.name}")
    return found | {name: tensor.astype(np.float32) for name, tensor in given.items()}
