"""The names and shapes of the network's tensors, as the published file has them.

Both the builder of the network and the reader of its weights follow this one table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from models.spec import MobileNetV2, ModelSpec, ResNet

Shape = tuple[int, ...]

EXPANSION = 4
"""Output channels of a bottleneck block for each filter of its 3x3 convolution."""

STEM_FILTERS = 64


@dataclass(frozen=True, slots=True)
class Convolution:
    """One convolution; it has a bias of its own when no batch normalisation follows.

    ``size`` is the side of its square kernel, ``epsilon`` the batch normalisation's. A
    depthwise one looks at each channel alone; it has as many filters as inputs.
    """

    name: str
    size: int
    inputs: int
    filters: int
    stride: int = 1
    batch_norm: str = ""
    epsilon: float = 0.0
    depthwise: bool = False

    @property
    def kernel(self) -> str:
        """Name of the kernel's tensor."""
        return f"{self.name}/kernel:0"

    @property
    def bias(self) -> str:
        """Name of the bias' tensor."""
        return f"{self.name}/bias:0"

    @property
    def batch_norm_tensors(self) -> tuple[str, ...]:
        """Names of gamma, beta, mean and variance."""
        return tuple(
            f"{self.batch_norm}/{leaf}:0"
            for leaf in ("gamma", "beta", "moving_mean", "moving_variance")
        )

    def tensors(self) -> dict[str, Shape]:
        """Give the shape of each tensor by its name; a kernel is (rows, columns, in, out).

        A depthwise kernel has one output for each input.
        """
        outputs = 1 if self.depthwise else self.filters
        shapes: dict[str, Shape] = {self.kernel: (self.size, self.size, self.inputs, outputs)}
        if self.batch_norm:
            return shapes | dict.fromkeys(self.batch_norm_tensors, (self.filters,))
        return shapes | {self.bias: (self.filters,)}


@dataclass(frozen=True, slots=True)
class Block:
    """A bottleneck: 1x1, 3x3 and 1x1, and a 1x1 on the shortcut of a stage's first."""

    reduce: Convolution
    middle: Convolution
    expand: Convolution
    shortcut: Convolution | None

    def convolutions(self) -> Iterator[Convolution]:
        """Go through those that it has."""
        yield from (self.reduce, self.middle, self.expand)
        if self.shortcut is not None:
            yield self.shortcut


def stem(backbone: ResNet) -> Convolution:
    """Describe the first convolution."""
    return Convolution("conv1", 7, 3, STEM_FILTERS, 2, "bn_conv1", backbone.batch_norm_epsilon)


def _letter(index: int, *, numbered: bool) -> str:
    if index == 0:
        return "a"
    return f"b{index}" if numbered else chr(ord("a") + index)


def _block(backbone: ResNet, stage: int, index: int, inputs: int) -> Block:
    filters = backbone.filters[stage]
    name = f"{stage + 2}{_letter(index, numbered=backbone.numbered[stage])}"
    # The pooling before stage 2 has halved the image already.
    stride = 2 if index == 0 and stage > 0 else 1

    def convolution(branch: str, size: int, entering: int, leaving: int, step: int) -> Convolution:
        return Convolution(
            f"res{name}_{branch}",
            size,
            entering,
            leaving,
            step,
            f"bn{name}_{branch}",
            backbone.batch_norm_epsilon,
        )

    first, second = (1, stride) if backbone.stride_on_3x3 else (stride, 1)
    wide = filters * EXPANSION
    return Block(
        convolution("branch2a", 1, inputs, filters, first),
        convolution("branch2b", 3, filters, filters, second),
        convolution("branch2c", 1, filters, wide, 1),
        convolution("branch1", 1, inputs, wide, stride) if index == 0 else None,
    )


def stages(backbone: ResNet) -> tuple[tuple[Block, ...], ...]:
    """List the blocks of each residual stage, 2 to 5."""
    widths = (STEM_FILTERS, *(filters * EXPANSION for filters in backbone.filters))
    return tuple(
        tuple(
            _block(backbone, stage, index, entering if index == 0 else leaving)
            for index in range(backbone.blocks[stage])
        )
        for stage, (entering, leaving) in enumerate(pairwise(widths))
    )


@dataclass(frozen=True, slots=True)
class InvertedBlock:
    """1x1 to many channels (unless none are added), 3x3 on each alone, 1x1 to few.

    ``has_shortcut`` where its input is added to its output.
    """

    expand: Convolution | None
    depthwise: Convolution
    project: Convolution
    has_shortcut: bool

    def convolutions(self) -> Iterator[Convolution]:
        """Go through those that it has."""
        if self.expand is not None:
            yield self.expand
        yield from (self.depthwise, self.project)


def mobile_stem(backbone: MobileNetV2) -> Convolution:
    """Describe the first convolution."""
    return Convolution("stem", 3, 3, backbone.stem_filters, stride=2)


def _inverted_block(
    name: str, inputs: int, expansion: int, filters: int, stride: int
) -> InvertedBlock:
    wide = inputs * expansion
    return InvertedBlock(
        Convolution(f"{name}_expand", 1, inputs, wide) if expansion > 1 else None,
        Convolution(f"{name}_depthwise", 3, wide, wide, stride, depthwise=True),
        Convolution(f"{name}_project", 1, wide, filters),
        has_shortcut=stride == 1 and inputs == filters,
    )


def inverted_groups(backbone: MobileNetV2) -> tuple[tuple[InvertedBlock, ...], ...]:
    """List the blocks of each group, ``block1_1`` being the first of the first."""
    groups = []
    inputs = backbone.stem_filters
    for number, group in enumerate(backbone.groups, start=1):
        blocks = []
        for index in range(group.blocks):
            stride = group.stride if index == 0 else 1
            name = f"block{number}_{index + 1}"
            blocks.append(_inverted_block(name, inputs, group.expansion, group.filters, stride))
            inputs = group.filters
        groups.append(tuple(blocks))
    return tuple(groups)


def backbone_convolutions(backbone: ResNet | MobileNetV2) -> Iterator[Convolution]:
    """Go through every convolution of a backbone."""
    if isinstance(backbone, MobileNetV2):
        yield mobile_stem(backbone)
        for group in inverted_groups(backbone):
            for inverted in group:
                yield from inverted.convolutions()
        return
    yield stem(backbone)
    for stage in stages(backbone):
        for block in stage:
            yield from block.convolutions()


def feature_channels(backbone: ResNet | MobileNetV2) -> tuple[int, ...]:
    """Count the channels of C3, C4 and C5."""
    if isinstance(backbone, MobileNetV2):
        return tuple(backbone.groups[tap].filters for tap in backbone.taps)
    return tuple(filters * EXPANSION for filters in backbone.filters[1:])


def pyramid(spec: ModelSpec) -> dict[str, Convolution]:
    """List the convolutions of the feature pyramid by name, ``C3_reduced`` to ``P7``."""
    inner = spec.pyramid_filters
    c3, c4, c5 = feature_channels(spec.backbone)
    every = (
        Convolution("C3_reduced", 1, c3, inner),
        Convolution("C4_reduced", 1, c4, inner),
        Convolution("C5_reduced", 1, c5, inner),
        Convolution("P3", 3, inner, inner),
        Convolution("P4", 3, inner, inner),
        Convolution("P5", 3, inner, inner),
        Convolution("P6", 3, c5, inner, stride=2),
        Convolution("P7", 3, inner, inner, stride=2),
    )
    return {convolution.name: convolution for convolution in every}


def head(spec: ModelSpec, name: str, values: int) -> tuple[Convolution, ...]:
    """List the convolutions of a head that gives ``values`` numbers for each anchor."""
    inner = spec.pyramid_filters
    tower = tuple(
        Convolution(f"{name}_{index}", 3, inner, inner) for index in range(spec.head_convolutions)
    )
    return (*tower, Convolution(name, 3, inner, spec.anchors.per_location * values))


def regression_head(spec: ModelSpec) -> tuple[Convolution, ...]:
    """List the box head: four offsets for each anchor."""
    return head(spec, "pyramid_regression", 4)


def classification_head(spec: ModelSpec, classes: int) -> tuple[Convolution, ...]:
    """List the class head with ``classes`` channels for each anchor."""
    return head(spec, "pyramid_classification", classes)


def convolutions(spec: ModelSpec) -> Iterator[Convolution]:
    """Go through every convolution of the network, with all of its classes."""
    yield from backbone_convolutions(spec.backbone)
    yield from pyramid(spec).values()
    yield from regression_head(spec)
    yield from classification_head(spec, spec.classes)


def tensors(spec: ModelSpec) -> dict[str, Shape]:
    """Give the shape of every tensor that the weights file must hold, by name."""
    return {
        name: shape
        for convolution in convolutions(spec)
        for name, shape in convolution.tensors().items()
    }
