"""What a model is: its architecture, its sizes and its rules, as frozen data.

Importing this module is cheap: no numpy, no Keras.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple


class Resize(StrEnum):
    """How an image becomes the network's input."""

    LETTERBOX = "letterbox"
    """The paper's: longest side to ``side``, padded with black to a centred square."""

    PUBLISHED_SCRIPT = "published_script"
    """The published program's: shortest side to ``side``, longest at most ``max_side``."""


@dataclass(frozen=True, slots=True)
class ResNet:
    """A backbone of bottleneck blocks, version 1.

    Parameters
    ----------
    blocks, filters : tuple of int
        Residual blocks, and filters of the 1x1 and 3x3 convolutions, of stages 2 to 5.
    numbered : tuple of bool
        Whether the blocks after the first are named ``b1``, ``b2``, ... (else ``b``, ``c``, ...).
    batch_norm_epsilon : float
        keras-resnet's 1e-5; Keras' own default of 1e-3 is another network.
    stride_on_3x3 : bool
        ResNet 1.5 puts a stage's stride there; this one has it on the first 1x1.
    """

    blocks: tuple[int, ...] = (3, 8, 36, 3)
    filters: tuple[int, ...] = (64, 128, 256, 512)
    numbered: tuple[bool, ...] = (False, True, True, False)
    batch_norm_epsilon: float = 1e-5
    stride_on_3x3: bool = False


class InvertedBlocks(NamedTuple):
    """A run of equal inverted residual blocks; ``stride`` is the first one's."""

    expansion: int
    filters: int
    blocks: int
    stride: int


@dataclass(frozen=True, slots=True)
class MobileNetV2:
    """A backbone of inverted residual blocks, without its last 1x1 convolution.

    Its convolutions hold their batch normalisation: they have a bias instead.

    Parameters
    ----------
    stem_filters : int
        Of the first convolution, 3x3 with stride 2.
    groups : tuple of InvertedBlocks
        In the order of the network.
    taps : tuple of int
        Which groups' outputs are C3, C4 and C5: an eighth, a sixteenth and a
        thirty-second of the size.
    """

    stem_filters: int = 32
    groups: tuple[InvertedBlocks, ...] = (
        InvertedBlocks(1, 16, 1, 1),
        InvertedBlocks(6, 24, 2, 2),
        InvertedBlocks(6, 32, 3, 2),
        InvertedBlocks(6, 64, 4, 2),
        InvertedBlocks(6, 96, 3, 1),
        InvertedBlocks(6, 160, 3, 2),
        InvertedBlocks(6, 320, 1, 1),
    )
    taps: tuple[int, int, int] = (2, 4, 6)


@dataclass(frozen=True, slots=True)
class AnchorRule:
    """The boxes that the network's answers are relative to.

    ``sizes`` (the side of the square anchor) and ``strides`` are in pixels of the
    network's input, one for each pyramid level; ``ratios`` are height over width.
    """

    levels: tuple[int, ...] = (3, 4, 5, 6, 7)
    sizes: tuple[int, ...] = (32, 64, 128, 256, 512)
    strides: tuple[int, ...] = (8, 16, 32, 64, 128)
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    scales: tuple[float, ...] = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))

    @property
    def per_location(self) -> int:
        """Anchors at one place of one level."""
        return len(self.ratios) * len(self.scales)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One detector: everything but the numbers in its weights file.

    Parameters
    ----------
    name : str
        Key in ``SPECS`` and in the settings.
    title : str
        Name of the algorithm in every result; ASCII, at most 64 characters.
    revision : str
        Changes whenever the same weights would give other boxes.
    classes, class_index : int
        Output channels for each anchor in the weights file, and the one that means malignant.
    side, max_side : int
        In pixels of the network's input; ``max_side`` is for ``Resize.PUBLISHED_SCRIPT`` only.
    channel_means : tuple of float
        Subtracted from red, green and blue, in this order; nothing is divided.
    box_deviation : float
        Unit of the box offsets, as a share of the anchor's width and height.
    score_floor, iou_limit, max_detections
        The published filter: a score strictly above, suppression strictly above, at most.
    score_threshold : float
        The operating threshold: boxes at or above it are shown unless a setting says otherwise.
    max_boxes : int
        Boxes shown for each image, at most, unless a setting says otherwise.
    is_reference : bool
        Whether its weights are the reproducible random numbers of ``reference_weights``.
    is_demonstration : bool
        Whether it was trained on synthetic images alone: it has no clinical value.
    weights_source : str
        Where a user gets the weights, for the text of an error.
    statement : str
        What the model is for and where its knowledge ends, in every result; ASCII.
    """

    name: str
    title: str
    weights_source: str
    statement: str = "Not for diagnosis."
    is_reference: bool = False
    is_demonstration: bool = False
    revision: str = "1"
    backbone: ResNet | MobileNetV2 = ResNet()
    anchors: AnchorRule = AnchorRule()
    pyramid_filters: int = 256
    head_convolutions: int = 4
    classes: int = 20
    class_index: int = 11
    resize: Resize = Resize.LETTERBOX
    side: int = 800
    max_side: int = 1333
    channel_means: tuple[float, float, float] = (103.939, 116.779, 123.68)
    box_deviation: float = 0.2
    score_floor: float = 0.05
    iou_limit: float = 0.5
    max_detections: int = 300
    score_threshold: float = 0.3
    max_boxes: int = 5

    def version(self, weights_sha256: str) -> str:
        """Version of the algorithm with these weights, for the results."""
        return f"{self.revision}+{weights_sha256[:12]}"


_UEDA: Final = ModelSpec(
    name="ueda2022",
    title="RetinaNet ResNet-152 (Ueda et al. 2022)",
    weights_source=(
        "resnet152_pascal.h5 is an asset of release v0.1-mammography of the public repository "
        "detection-mammography/keras-retinanet-trained-algorithm: `mgnode model fetch ueda2022` "
        "downloads it, `mgnode model import FILE` takes a file that you have"
    ),
    statement=(
        "Research, not for diagnosis. For CC and MLO views of digital mammograms; tested by its "
        "authors on one hospital and one clinic; sees less in dense breasts; scores not calibrated."
    ),
)

SPECS: Final[dict[str, ModelSpec]] = {
    "ueda2022": _UEDA,
    "reference": replace(
        _UEDA,
        name="reference",
        title="Reference weights: random, boxes mean nothing",
        weights_source="`mgnode detect --reference` writes this file",
        statement="Random numbers: boxes mean nothing. For trials of the software alone.",
        is_reference=True,
    ),
    "demonstration": ModelSpec(
        name="demonstration",
        title="Demonstration model, trained on synthetic images",
        weights_source="it comes with mgnode; install mgnode again",
        statement="No clinical value: trained on synthetic images, for demonstrations alone.",
        is_demonstration=True,
        backbone=MobileNetV2(),
        pyramid_filters=64,
        classes=1,
        class_index=0,
        # Where it makes 0.4 false boxes an image on synthetic images, and fewer on films.
        score_threshold=0.08,
        # It likes to answer a lesion twice, once with a wide margin.
        iou_limit=0.3,
        # ImageNet's, as its backbone was trained; the division is in the first convolution.
        channel_means=(123.675, 116.28, 103.53),
    ),
}
