"""How a network is trained: every choice, with the published ones as defaults.

Importing this module is cheap: no numpy, no Keras.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Self

from models.training.errors import WrongRecipe


class Optimizer(StrEnum):
    """The two that the paper tried; it found Adam better."""

    ADAM = "adam"
    SGD = "sgd"


class Schedule(StrEnum):
    """How the learning rate changes."""

    PLATEAU = "plateau"
    """Falls when the training loss stops falling: the published one."""

    COSINE = "cosine"
    """Rises in ``warmup_steps``, then falls along half a cosine to the end of the last epoch."""

    CONSTANT = "constant"


class Precision(StrEnum):
    """What the convolutions compute in; weights, losses and answers are float32."""

    FLOAT32 = "float32"
    MIXED_BFLOAT16 = "mixed_bfloat16"
    MIXED_FLOAT16 = "mixed_float16"


class Border(StrEnum):
    """What comes in from outside the image when it is moved."""

    REPLICATE = "replicate"
    """The pixels of its edge again: the published one."""

    BLACK = "black"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to train; the defaults are those of the paper and of its published code.

    Parameters
    ----------
    epochs : int
        Passes of ``steps`` steps.
    steps : int
        Steps an epoch; 0 takes each training case once.
    batch : int
        Images a step.
    seed : int
        Of everything random: initial weights, order, augmentation.
    optimizer : Optimizer
    learning_rate : float
    clipnorm : float
        The gradient of all weights together is cut to this length; 0 leaves it.
    momentum : float
        Of SGD.
    beta_1, beta_2, epsilon : float
        Of Adam.
    schedule : Schedule
    plateau_factor, plateau_patience, plateau_min_delta, minimum_rate : float
        The rate times the factor when the training loss has not fallen by the delta for so
        many epochs, never below the minimum; the minimum is also the cosine's end.
    warmup_steps : int
        Of ``Schedule.COSINE``.
    focal_alpha, focal_gamma, smooth_l1_sigma : float
        Of the losses.
    box_weight : float
        Of the smooth L1 loss beside the focal loss.
    positive_iou, negative_iou : float
        An anchor is positive at or above the first, ignored above the second.
    head_deviation : float
        Of the normal numbers that the heads' towers start with; 0 takes that of He et al.,
        with which a narrow pyramid learns sooner.
    rotation, shear : float
        Largest angle, radians.
    translation : float
        Largest shift, share of the image's side.
    scaling : float
        Largest change of each axis' scale: 0.1 is 0.9 to 1.1.
    flip_x, flip_y : float
        Probability of swapping left and right, top and bottom.
    border : Border
    brightness, contrast, gamma, noise, blur : float
        Beyond the recipe, 0 is off. Largest change of brightness (share of white), of
        contrast and gamma (natural logarithm of the factor), largest standard deviation of
        noise (share of white) and of a Gaussian blur (pixels of the network's input).
    window : tuple of int
        Beyond the recipe: train on a cut-out of (height, width) of the network's input
        at full scale, around a lesion where there is one; (0, 0) is off.
    window_visible : float
        A lesion of which less than this share is in the window is neither lesion nor
        background there.
    freeze : tuple of str
        Parts whose weights stay: ``backbone``, ``pyramid``, ``heads``, or the start of
        layer names, such as ``res2``. Batch normalisation is always frozen.
    precision : Precision
    watch_iou : float
        Least IoU of a hit for the sensitivity that is told after each epoch.
    watch_mfpi : float
        That sensitivity is at the lowest score threshold with at most so many false boxes
        an image.
    checkpoint_steps : int
        A checkpoint also after every so many steps; 0 is after each epoch only.
    workers : int
        Threads that read and augment images.
    deterministic : bool
        Only operations that give the same result each time: a run that was killed goes on
        to the same weights.
    """

    epochs: int = 100
    steps: int = 0
    batch: int = 1
    seed: int = 0
    optimizer: Optimizer = Optimizer.ADAM
    learning_rate: float = 1e-5
    clipnorm: float = 0.001
    momentum: float = 0.0
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    schedule: Schedule = Schedule.PLATEAU
    plateau_factor: float = 0.1
    plateau_patience: int = 2
    plateau_min_delta: float = 1e-4
    minimum_rate: float = 0.0
    warmup_steps: int = 0
    focal_alpha: float = 0.25
    focal_gamma: float = 2.0
    smooth_l1_sigma: float = 3.0
    box_weight: float = 1.0
    positive_iou: float = 0.5
    negative_iou: float = 0.4
    head_deviation: float = 0.01
    rotation: float = 0.1
    shear: float = 0.1
    translation: float = 0.1
    scaling: float = 0.1
    flip_x: float = 0.5
    flip_y: float = 0.5
    border: Border = Border.REPLICATE
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    window: tuple[int, int] = (0, 0)
    window_visible: float = 0.5
    freeze: tuple[str, ...] = ()
    precision: Precision = Precision.FLOAT32
    watch_iou: float = 0.5
    watch_mfpi: float = 1.0
    checkpoint_steps: int = 0
    workers: int = 2
    deterministic: bool = True

    def __post_init__(self) -> None:
        if problems := tuple(_problems(self)):
            raise WrongRecipe(problems)

    @property
    def windowed(self) -> bool:
        """Whether training sees cut-outs."""
        return self.window != (0, 0)

    def values(self) -> dict[str, Any]:
        """Give every choice by its name, as JSON can hold it."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Self:
        """Make a recipe from values by name, texts or numbers; what is not named is published.

        Raises
        ------
        WrongRecipe
            A name is unknown or a value cannot be used; every problem is told.
        """
        defaults = {field.name: field.default for field in fields(cls)}
        problems, known = [], {}
        for name, value in values.items():
            if name not in defaults:
                problems.append(f"{name}: there is no such setting")
                continue
            try:
                known[name] = _like(defaults[name], value)
            except (TypeError, ValueError):
                problems.append(f"{name}: {value!r} {_wanted(defaults[name])}")
        if problems:
            raise WrongRecipe(problems)
        return cls(**known)


def _like(default: object, value: object) -> Any:
    """Read a value as the type of the setting's default."""
    if isinstance(default, bool):
        if str(value).lower() not in ("true", "false"):
            raise ValueError(value)
        return str(value).lower() == "true"
    if isinstance(default, tuple):
        parts = str(value).replace("x", ",").split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            raise TypeError(value)
        if default == ():
            parts = str(value).split(",") if isinstance(value, str) else parts
            return tuple(str(part).strip() for part in parts if str(part).strip())
        first, second = parts
        return (int(first), int(second))
    if isinstance(default, StrEnum):
        return type(default)(str(value))
    if isinstance(default, int):
        if isinstance(value, float | bool):
            raise TypeError(value)
        return int(str(value))
    return float(str(value))


def _wanted(default: object) -> str:
    if isinstance(default, bool):
        return "is neither true nor false"
    if isinstance(default, StrEnum):
        return f"is none of {', '.join(type(default))}"
    if isinstance(default, tuple):
        return "is not height,width" if default else "is no list of names"
    return "is not a whole number" if isinstance(default, int) else "is not a number"


def _problems(recipe: Recipe) -> Iterator[str]:
    values = asdict(recipe)
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            yield f"{name}: {value} is not finite"
    at_least: dict[str, float] = {
        **dict.fromkeys(("epochs", "batch", "workers", "plateau_patience"), 1),
        **dict.fromkeys(("steps", "seed", "warmup_steps", "checkpoint_steps", "clipnorm"), 0),
        **dict.fromkeys(("minimum_rate", "plateau_min_delta", "focal_gamma", "box_weight"), 0),
        **dict.fromkeys(("brightness", "contrast", "gamma", "noise", "blur"), 0),
        **dict.fromkeys(("rotation", "shear", "translation", "scaling", "watch_mfpi"), 0),
        "head_deviation": 0,
    }
    for name, least in at_least.items():
        if values[name] < least:
            yield f"{name}: {values[name]} is less than {least}"
    for name in ("learning_rate", "smooth_l1_sigma", "epsilon", "plateau_factor"):
        if values[name] <= 0:
            yield f"{name}: {values[name]} is not above 0"
    shares = ("flip_x", "flip_y", "positive_iou", "negative_iou", "focal_alpha", "watch_iou")
    for name in (*shares, "window_visible", "momentum", "beta_1", "beta_2"):
        if not 0 <= values[name] <= 1:
            yield f"{name}: {values[name]} is not from 0 to 1"
    if recipe.negative_iou > recipe.positive_iou:
        yield f"negative_iou: {recipe.negative_iou} is above positive_iou"
    if recipe.scaling >= 1:
        yield f"scaling: {recipe.scaling} would shrink the image to nothing"
    if max(recipe.rotation, recipe.shear) >= math.pi / 2:
        yield "rotation, shear: a right angle or more"
    if recipe.windowed and min(recipe.window) < 1:
        yield f"window: {recipe.window} has no area"
