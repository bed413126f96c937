"""The network with its weights in Keras, ready to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from models import backend, layout, parameters
from models.errors import OutOfMemory
from models.layout import Convolution
from models.postprocess import Answers
from models.spec import ModelSpec, Resize
from models.weights import WeightsFile, open_weights

POLICIES: Final = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""Keras' dtype policy for each precision that the convolutions may compute in."""


class Network:
    """A loaded network.

    Parameters
    ----------
    model : keras.Model
        As ``models.retinanet.build`` makes it, with its numbers.
    classes : tuple of int
        Label of each column of the classification.
    """

    def __init__(self, model: Any, classes: tuple[int, ...]) -> None:
        self.model = model
        self.classes = classes

    @classmethod
    def load(
        cls,
        spec: ModelSpec,
        path: Path,
        *,
        kept: tuple[int, ...] | None = None,
        folded: bool = True,
        precision: str = "float32",
        xla: bool = False,
    ) -> Self:
        """Build the network and fill it from a weights file that ``check_file`` has passed.

        Parameters
        ----------
        kept : tuple of int or None
            The class labels to keep, or None for all of them.
        folded : bool
            Put the batch normalisations into the convolutions: faster, and equal but for
            the last bits.
        precision : str
            A key of ``POLICIES``; the weights and the answers are float32 with each.
        xla : bool
            Let XLA compile it: for a GPU.
        """
        with open_weights(path, spec) as file:
            parameters.check_origin(file, spec, path)
            backend.load()
            # It imports Keras, which takes seconds: only now, when the file is known to be good.
            from models import retinanet

            classes = parameters.labels(spec, kept)
            side = spec.side if spec.resize == Resize.LETTERBOX else None
            model = retinanet.build(
                spec, classes=len(classes), folded=folded, side=side, dtype=POLICIES[precision]
            )
            # JAX without its compiler takes each operation alone, and thirty times as long.
            model.jit_compile = xla or backend.name() == "jax"
            for convolution in layout.convolutions(spec):
                if convolution.batch_norm and not folded:
                    _fill_apart(model, convolution, file)
                else:
                    numbers = parameters.folded(file, convolution, spec, classes)
                    model.get_layer(convolution.name).set_weights(list(numbers))
            parameters.check_all_read(file, path)
        return cls(model, classes)

    @property
    def device(self) -> str:
        """Where it runs, ``cpu:0`` or ``gpu:0``: a GPU that is not seen is slow."""
        return backend.device()

    def __call__(self, pixels: NDArray[np.float32]) -> Answers:
        """Run the network on one prepared image, (height, width, 3).

        Raises
        ------
        OutOfMemory
            There was not enough memory; the process may go on.
        """
        (answers,) = self.run(pixels[None])
        return answers

    def run(self, batch: NDArray[np.float32]) -> list[Answers]:
        """Run the network on prepared images of one size, (images, height, width, 3).

        Raises
        ------
        OutOfMemory
            There was not enough memory for so many; the process may go on.
        """
        try:
            regression, classification = self.model.predict_on_batch(self._padded(batch))
        except backend.memory_errors() as error:
            raise OutOfMemory(f"no memory for {len(batch)} inputs of {batch.shape[1:]}") from error
        pairs = zip(np.asarray(regression), np.asarray(classification), strict=True)
        return [Answers(*pair) for pair in pairs][: len(batch)]

    def _padded(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add black images up to a power of two where each number of images is compiled anew."""
        if not getattr(self.model, "jit_compile", False):
            return batch
        wanted = 1 << (len(batch) - 1).bit_length()
        return np.concatenate(
            [batch, np.zeros((wanted - len(batch), *batch.shape[1:]), np.float32)]
        )


def _fill_apart(model: Any, convolution: Convolution, file: WeightsFile) -> None:
    """Fill a convolution and its batch normalisation as two layers."""
    model.get_layer(convolution.name).set_weights([file.read(convolution.kernel)])
    norm = [file.read(name) for name in convolution.batch_norm_tensors]
    model.get_layer(convolution.batch_norm).set_weights(norm)
