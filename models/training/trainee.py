"""The network while it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from models import backend, layout, retinanet
from models.errors import OutOfMemory
from models.postprocess import Answers
from models.spec import ModelSpec
from models.training import engine, losses
from models.training.initial import Tensors
from models.training.parts import frozen_layers
from models.training.recipe import Optimizer, Precision, Recipe
from models.training.samples import Batch


class Losses(NamedTuple):
    """The focal loss of the scores, the smooth L1 loss of the boxes, and their sum."""

    loss: float
    focal: float
    smooth_l1: float


class Trainee:
    """A network with its optimizer.

    Parameters
    ----------
    tensors : mapping
        Every number to start with, by the names of ``layout.tensors(spec)``.
    devices : int
        Among which Keras divides a batch.
    """

    def __init__(
        self,
        spec: ModelSpec,
        recipe: Recipe,
        tensors: Mapping[str, NDArray[np.float32]],
        *,
        devices: int = 1,
    ) -> None:
        self.spec = spec
        self._devices = devices
        self._recipe = recipe
        self._memory_errors = backend.memory_errors()
        self.model = retinanet.build(
            spec, classes=spec.classes, folded=False, side=None, dtype=recipe.precision.value
        )
        fill(self.model, spec, tensors)
        for name in frozen_layers(spec, recipe.freeze):
            self.model.get_layer(name).trainable = False
        self._focal = losses.focal(alpha=recipe.focal_alpha, gamma=recipe.focal_gamma)
        self._smooth_l1 = losses.smooth_l1(sigma=recipe.smooth_l1_sigma)
        self.model.compile(
            optimizer=_optimizer(recipe),
            loss=[self._smooth_l1, self._focal],
            loss_weights=[recipe.box_weight, 1.0],
            jit_compile=engine.compiles_steps(),
            # The optimizer says itself whether it scales.
            auto_scale_loss=False,
        )
        self.model.optimizer.build(self.model.trainable_variables)
        self._rate = recipe.learning_rate

    def step(self, batch: Batch) -> Losses:
        """Make one step and give the losses before it.

        Raises
        ------
        OutOfMemory
            There is not enough memory for a batch.
        """
        try:
            found = self.model.train_on_batch(
                batch.pixels, [batch.regression, batch.classification], return_dict=True
            )
        except self._memory_errors as error:
            count, height, width, _ = batch.pixels.shape
            raise OutOfMemory(
                f"no memory to train on {count} images of {height}x{width}: set a smaller batch, "
                "a window, or freeze a part of the backbone"
            ) from error
        return Losses(
            float(found["loss"]),
            float(found["classification_loss"]),
            float(found["regression_loss"]),
        )

    def answers(self, pixels: NDArray[np.float32]) -> Answers:
        """Run the network on one image, (height, width, 3).

        Raises
        ------
        OutOfMemory
            There is not enough memory for it.
        """
        # A batch that is divided among devices must have one image for each.
        batch = np.repeat(pixels[None], self._devices, axis=0)
        try:
            regression, classification = self.model.predict_on_batch(batch)
        except self._memory_errors as error:
            raise OutOfMemory(f"no memory to validate on an input of {pixels.shape}") from error
        return Answers(np.asarray(regression)[0], np.asarray(classification)[0])

    def losses(
        self,
        answers: Answers,
        regression: NDArray[np.float32],
        classification: NDArray[np.float32],
    ) -> Losses:
        """Compute the losses of the answers for one image; targets without the batch."""
        focal = float(self._focal(classification[None], answers.classification[None]))
        smooth_l1 = float(self._smooth_l1(regression[None], answers.regression[None]))
        return Losses(focal + self._recipe.box_weight * smooth_l1, focal, smooth_l1)

    @property
    def rate(self) -> float:
        """The learning rate."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        if rate != self._rate:
            self.model.optimizer.learning_rate = rate
            self._rate = rate

    @property
    def optimizer_state(self) -> list[NDArray[np.generic]]:
        """Every number of the optimizer, in its own order."""
        return [variable.numpy() for variable in self.model.optimizer.variables]

    @optimizer_state.setter
    def optimizer_state(self, state: list[NDArray[np.generic]]) -> None:
        variables = self.model.optimizer.variables
        if [tuple(v.shape) for v in variables] != [value.shape for value in state]:
            raise ValueError("the optimizer's state is of another network or optimizer")
        for variable, value in zip(variables, state, strict=True):
            variable.assign(value)

    @property
    def tensors(self) -> Tensors:
        """Every number of the network, by the names of ``layout.tensors``."""
        return {
            name: tensor
            for convolution in layout.convolutions(self.spec)
            for name, tensor in zip(
                convolution.tensors(), _weights(self.model, convolution), strict=True
            )
        }

    @tensors.setter
    def tensors(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        fill(self.model, self.spec, tensors)


def fill(model: Any, spec: ModelSpec, tensors: Mapping[str, NDArray[np.float32]]) -> None:
    """Put every number into a network that was built with its batch normalisations."""
    for convolution in layout.convolutions(spec):
        kernel, *others = (tensors[name] for name in convolution.tensors())
        layer = model.get_layer(convolution.name)
        if convolution.batch_norm:
            layer.set_weights([kernel])
            model.get_layer(convolution.batch_norm).set_weights(others)
        else:
            layer.set_weights([kernel, *others])


def _weights(model: Any, convolution: layout.Convolution) -> list[NDArray[np.float32]]:
    weights: list[NDArray[np.float32]] = model.get_layer(convolution.name).get_weights()
    if convolution.batch_norm:
        weights += model.get_layer(convolution.batch_norm).get_weights()
    return weights


def _optimizer(recipe: Recipe) -> Any:
    # The published Keras 2.2.4 cut the gradient of all weights together by its "clipnorm";
    # Keras 3 calls that global_clipnorm, and its clipnorm cuts each tensor by itself.
    clipnorm = recipe.clipnorm or None
    if recipe.optimizer == Optimizer.SGD:
        optimizer = keras.optimizers.SGD(
            recipe.learning_rate, momentum=recipe.momentum, global_clipnorm=clipnorm
        )
    else:
        optimizer = keras.optimizers.Adam(
            recipe.learning_rate,
            beta_1=recipe.beta_1,
            beta_2=recipe.beta_2,
            epsilon=recipe.epsilon,
            global_clipnorm=clipnorm,
        )
    if recipe.precision == Precision.MIXED_FLOAT16:
        # Small gradients would become zero in 16 bits; bfloat16 has float32's range.
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer
