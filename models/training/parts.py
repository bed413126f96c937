"""The parts of the network that can be frozen, and which layers they are."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from models import layout
from models.spec import ModelSpec
from models.training.errors import WrongRecipe

_HEADS: Final = ("pyramid_regression", "pyramid_classification")


class Part(StrEnum):
    """A part by the name that the recipe has for it."""

    BACKBONE = "backbone"
    PYRAMID = "pyramid"
    HEADS = "heads"


def part_of(layer: str, spec: ModelSpec) -> Part:
    """Say to which part a layer with weights belongs."""
    if layer.startswith(_HEADS):
        return Part.HEADS
    return Part.PYRAMID if layer in layout.pyramid(spec) else Part.BACKBONE


def frozen_layers(spec: ModelSpec, freeze: Sequence[str]) -> frozenset[str]:
    """Name the convolutions that keep their weights.

    Parameters
    ----------
    freeze : sequence of str
        Parts, or the start of layer names.

    Raises
    ------
    WrongRecipe
        A name fits no layer, or no layer is left to train.
    """
    names = [convolution.name for convolution in layout.convolutions(spec)]
    frozen: set[str] = set()
    problems = []
    for wanted in freeze:
        if wanted in tuple(Part):
            found = {name for name in names if part_of(name, spec) == wanted}
        else:
            found = {name for name in names if name.startswith(wanted)}
        if not found:
            problems.append(f"freeze: no part and no layer of {spec.name} starts with {wanted!r}")
        frozen |= found
    if frozen == set(names):
        problems.append("freeze: nothing is left to train")
    if problems:
        raise WrongRecipe(problems)
    return frozenset(frozen)
