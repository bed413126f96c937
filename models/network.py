"""The network with its weights, ready to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models import backend, layout, reference_weights
from models.errors import OutOfMemory, WrongArchitecture, WrongWeights
from models.fold import fold_batch_norm, keep_classes
from models.layout import Convolution
from models.postprocess import Answers
from models.spec import ModelSpec, Resize
from models.weights import WeightsFile, open_weights

CLASS_LAYER = "pyramid_classification"


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
        self._memory_errors = backend.memory_errors()

    @classmethod
    def load(
        cls,
        spec: ModelSpec,
        path: Path,
        *,
        kept: tuple[int, ...] | None = None,
        folded: bool = True,
    ) -> Self:
        """Build the network and fill it from a weights file that ``check_file`` has passed.

        Parameters
        ----------
        kept : tuple of int or None
            The class labels to keep, or None for all of them.
        folded : bool
            Put the batch normalisations into the convolutions: faster, and equal but for
            the last bits.
        """
        with open_weights(path, spec) as file:
            _check_origin(file, spec, path)
            backend.load()
            # It imports Keras, which takes seconds: only now, when the file is known to be good.
            from models import retinanet

            classes = tuple(range(spec.classes)) if kept is None else kept
            side = spec.side if spec.resize == Resize.LETTERBOX else None
            model = retinanet.build(spec, classes=len(classes), folded=folded, side=side)
            for convolution in layout.convolutions(spec):
                _fill(model, convolution, file, spec, classes=classes, folded=folded)
            if file.unread:
                raise WrongArchitecture(path, f"holds unused tensors: {sorted(file.unread)}")
        return cls(model, classes)

    def __call__(self, pixels: NDArray[np.float32]) -> Answers:
        """Run the network on one prepared image, (height, width, 3).

        Raises
        ------
        OutOfMemory
            There was not enough memory; the process may go on.
        """
        try:
            regression, classification = self.model.predict_on_batch(pixels[None])
        except self._memory_errors as error:
            raise OutOfMemory(f"no memory for an input of {pixels.shape}") from error
        return Answers(np.asarray(regression)[0], np.asarray(classification)[0])


def _fill(
    model: Any,
    convolution: Convolution,
    file: WeightsFile,
    spec: ModelSpec,
    *,
    classes: tuple[int, ...],
    folded: bool,
) -> None:
    layer = model.get_layer(convolution.name)
    kernel = file.read(convolution.kernel)
    if convolution.batch_norm:
        norm = [file.read(name) for name in convolution.batch_norm_tensors]
        if not folded:
            layer.set_weights([kernel])
            model.get_layer(convolution.batch_norm).set_weights(norm)
            return
        kernel, bias = fold_batch_norm(kernel, *norm, epsilon=convolution.epsilon)
    else:
        bias = file.read(convolution.bias)
        if convolution.name == CLASS_LAYER:
            kernel = keep_classes(kernel, spec.classes, classes)
            bias = keep_classes(bias, spec.classes, classes)
    layer.set_weights([kernel, bias])


def _check_origin(file: WeightsFile, spec: ModelSpec, path: Path) -> None:
    """Keep random numbers from answering as a trained model, and the other way round."""
    name = f"{CLASS_LAYER}/bias:0"
    shape = layout.tensors(spec)[name]
    random = bool(np.array_equal(file.read(name), reference_weights.tensor(name, shape)))
    if random and not spec.is_reference:
        raise WrongWeights(
            path,
            "holds the reference weights (random numbers); use them with the model 'reference' "
            f"only. For '{spec.name}': {spec.weights_source}",
        )
    if spec.is_reference and not random:
        raise WrongWeights(
            path, "does not hold the reference weights; use it with the model 'ueda2022'"
        )
