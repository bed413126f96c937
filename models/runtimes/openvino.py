"""The network in OpenVINO: for a CPU, without Keras and TensorFlow.

It follows the same tables as the network in Keras; the tests hold both against the
published code's answers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from models import layout, parameters
from models.errors import OutOfMemory
from models.layout import Convolution
from models.postprocess import Answers
from models.spec import MobileNetV2, ModelSpec, ResNet
from models.weights import WeightsFile, open_weights

# Without it, a CPU that has bfloat16 computes in it, and the boxes are others.
OPTIONS: Final = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}

TO_CHANNELS_FIRST: Final = (0, 3, 1, 2)
TO_CHANNELS_LAST: Final = (0, 2, 3, 1)
KERNEL: Final = (3, 2, 0, 1)
"""From (rows, columns, in, out) to OpenVINO's (out, in, rows, columns)."""
DEPTHWISE_KERNEL: Final = (2, 3, 0, 1)

ROWS, COLUMNS = 2, 3
"""Axes of a channels-first picture."""


class OpenvinoNetwork:
    """A loaded network.

    Parameters
    ----------
    graph : openvino.Model
        For pictures of any size; compiled for one size at a time, when one comes.
    classes : tuple of int
        Label of each column of the classification.
    """

    device = "cpu:0"

    def __init__(self, graph: ov.Model, classes: tuple[int, ...]) -> None:
        self.classes = classes
        self._graph = graph
        self._core = ov.Core()
        self._size: tuple[int, ...] = ()
        self._request: Any = None

    @classmethod
    def load(cls, spec: ModelSpec, path: Path, *, kept: tuple[int, ...] | None = None) -> Self:
        """Build the network from a weights file that ``check_file`` has passed.

        Parameters
        ----------
        kept : tuple of int or None
            The class labels to keep, or None for all of them.
        """
        classes = parameters.labels(spec, kept)
        with open_weights(path, spec) as file:
            parameters.check_origin(file, spec, path)
            graph = _Builder(file, spec, classes).network()
            parameters.check_all_read(file, path)
        return cls(graph, classes)

    def run(self, batch: NDArray[np.float32]) -> list[Answers]:
        """Answer prepared images of one size, (images, height, width, 3), one by one.

        On a CPU several at once take as long, and more memory.

        Raises
        ------
        OutOfMemory
            There was not enough memory; the process may go on.
        """
        try:
            return [self._answer(pixels) for pixels in batch]
        except (MemoryError, RuntimeError) as error:
            # OpenVINO tells its C++ exceptions by their text alone.
            if isinstance(error, RuntimeError) and "alloc" not in str(error):
                raise
            raise OutOfMemory(f"no memory for an input of {batch.shape[1:]}") from error

    def _answer(self, pixels: NDArray[np.float32]) -> Answers:
        if pixels.shape != self._size:
            self._request = None  # two compiled networks would take twice the memory
            self._graph.reshape([1, *pixels.shape])
            compiled = self._core.compile_model(self._graph, "CPU", OPTIONS)
            self._request = compiled.create_infer_request()
            self._size = pixels.shape
        self._request.infer({0: pixels[None]})
        regression, classification = (
            self._request.get_output_tensor(index).data[0].copy() for index in (0, 1)
        )
        return Answers(regression, classification)


class _Builder:
    """Makes OpenVINO's operations of the layout's tables; pictures are channels-first."""

    def __init__(self, file: WeightsFile, spec: ModelSpec, classes: tuple[int, ...]) -> None:
        self._file = file
        self._spec = spec
        self._classes = classes

    def network(self) -> ov.Model:
        image = ops.parameter([1, -1, -1, 3], ov.Type.f32, name="image")
        spec = self._spec
        features = _transposed(image, TO_CHANNELS_FIRST)
        if isinstance(spec.backbone, MobileNetV2):
            taps = self._mobilenet(features, spec.backbone)
        else:
            taps = self._resnet(features, spec.backbone)
        levels = self._levels(*taps)
        scores = self._head(
            levels, layout.classification_head(spec, len(self._classes)), len(self._classes)
        )
        regression = self._head(levels, layout.regression_head(spec), 4)
        return ov.Model([regression, ops.sigmoid(scores)], [image])

    def _constants(self, convolution: Convolution) -> tuple[Any, Any]:
        kernel, bias = parameters.folded(self._file, convolution, self._spec, self._classes)
        order = DEPTHWISE_KERNEL if convolution.depthwise else KERNEL
        kernel = np.ascontiguousarray(kernel.transpose(order))
        if convolution.depthwise:
            kernel = kernel[:, None]  # a group for each channel
        return (
            ops.constant(kernel, shared_memory=True),
            ops.constant(bias.reshape(1, -1, 1, 1), shared_memory=True),
        )

    def _convolve(
        self,
        features: Any,
        convolution: Convolution,
        *,
        numbers: tuple[Any, Any] | None = None,
        padding: str = "explicit",
    ) -> Any:
        kernel, bias = numbers or self._constants(convolution)
        around = [convolution.size // 2] * 2
        operation = ops.group_convolution if convolution.depthwise else ops.convolution
        found = operation(
            features,
            kernel,
            strides=[convolution.stride] * 2,
            pads_begin=around,
            pads_end=around,
            dilations=[1, 1],
            auto_pad=padding,
        )
        return ops.add(found, bias)

    def _resnet(self, features: Any, backbone: ResNet) -> list[Any]:
        current = ops.relu(self._convolve(features, layout.stem(backbone)))
        # TensorFlow's "same": an even size gets its extra pixel at the bottom and the right only.
        current = ops.max_pool(
            current, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3], auto_pad="same_upper"
        ).output(0)
        found = []
        for stage in layout.stages(backbone):
            for block in stage:
                shortcut = current
                for convolution in (block.reduce, block.middle):
                    current = ops.relu(self._convolve(current, convolution))
                current = self._convolve(current, block.expand)
                if block.shortcut is not None:
                    shortcut = self._convolve(shortcut, block.shortcut)
                current = ops.relu(ops.add(current, shortcut))
            found.append(current)
        return found[1:]

    def _mobilenet(self, features: Any, backbone: MobileNetV2) -> list[Any]:
        def relu6(values: Any) -> Any:
            return ops.clamp(values, 0.0, 6.0)

        current = relu6(self._convolve(features, layout.mobile_stem(backbone)))
        found = []
        for group in layout.inverted_groups(backbone):
            for block in group:
                entering = current
                if block.expand is not None:
                    current = relu6(self._convolve(current, block.expand))
                current = relu6(self._convolve(current, block.depthwise))
                current = self._convolve(current, block.project)
                if block.has_shortcut:
                    current = ops.add(entering, current)
            found.append(current)
        return [found[tap] for tap in backbone.taps]

    def _levels(self, c3: Any, c4: Any, c5: Any) -> list[Any]:
        table = layout.pyramid(self._spec)

        def convolve(features: Any, name: str) -> Any:
            # With stride 2 the extra pixel of an even size is at the end.
            return self._convolve(features, table[name], padding="same_upper")

        m5 = convolve(c5, "C5_reduced")
        m4 = ops.add(_enlarged(m5, c4), convolve(c4, "C4_reduced"))
        m3 = ops.add(_enlarged(m4, c3), convolve(c3, "C3_reduced"))
        p6 = convolve(c5, "P6")
        p7 = convolve(ops.relu(p6), "P7")
        return [convolve(m3, "P3"), convolve(m4, "P4"), convolve(m5, "P5"), p6, p7]

    def _head(self, levels: list[Any], table: tuple[Convolution, ...], values: int) -> Any:
        shared = [(convolution, self._constants(convolution)) for convolution in table]
        answers = []
        for level in levels:
            current = level
            for convolution, numbers in shared:
                current = self._convolve(current, convolution, numbers=numbers)
                if convolution is not table[-1]:
                    current = ops.relu(current)
            last = _transposed(current, TO_CHANNELS_LAST)
            answers.append(ops.reshape(last, np.array([0, -1, values]), special_zero=True))
        return ops.concat(answers, axis=1)


def _transposed(values: Any, order: tuple[int, ...]) -> Any:
    return ops.transpose(values, np.array(order))


def _enlarged(features: Any, target: Any) -> Any:
    """Nearest neighbour to the target's size: pixel ``floor(i * size / wanted)``, in integers."""
    for axis in (ROWS, COLUMNS):
        size, wanted = (
            ops.gather(ops.shape_of(picture, "i32"), np.int32(axis), np.int32(0))
            for picture in (features, target)
        )
        every = ops.range(np.int32(0), wanted, np.int32(1), "i32")
        source = ops.divide(ops.multiply(every, size), wanted)
        features = ops.gather(features, source, np.int32(axis))
    return features
