"""The names and shapes of the published file's tensors."""

from __future__ import annotations

import math

from models import layout, reference_weights
from models.spec import SPECS, MobileNetV2, ResNet

SPEC = SPECS["ueda2022"]


def test_the_network_has_811_tensors_of_71_511_192_numbers() -> None:
    tensors = layout.tensors(SPEC)

    assert len(tensors) == 811
    assert sum(math.prod(shape) for shape in tensors.values()) == 71_511_192


def test_names_and_shapes_are_those_of_a_file_that_keras_2_wrote() -> None:
    entries = reference_weights._manifest()["files"]["snapshot"]
    held = {
        "/".join(entry["path"].split("/")[-2:]): tuple(entry["shape"])
        for entry in entries
        if entry["kind"] == "dataset"
    }

    assert layout.tensors(SPEC) == held


def test_stages_2_and_5_have_letters_and_stages_3_and_4_have_numbers() -> None:
    assert isinstance(SPEC.backbone, ResNet)
    names = [
        [block.reduce.name.removesuffix("_branch2a") for block in stage]
        for stage in layout.stages(SPEC.backbone)
    ]

    assert names[0] == ["res2a", "res2b", "res2c"]
    assert names[1] == ["res3a", *(f"res3b{index}" for index in range(1, 8))]
    assert names[2] == ["res4a", *(f"res4b{index}" for index in range(1, 36))]
    assert names[3] == ["res5a", "res5b", "res5c"]


def test_the_stride_sits_on_the_first_convolution_and_on_the_shortcut() -> None:
    assert isinstance(SPEC.backbone, ResNet)
    for number, stage in enumerate(layout.stages(SPEC.backbone), start=2):
        first, *others = stage
        stride = 1 if number == 2 else 2
        assert first.shortcut is not None
        assert first.reduce.stride == first.shortcut.stride == stride
        assert first.middle.stride == first.expand.stride == 1
        assert all(c.stride == 1 for block in others for c in block.convolutions())
        assert all(block.shortcut is None for block in others)


def test_the_demonstration_model_has_the_blocks_of_mobilenet_v2() -> None:
    """Table 2 of the paper: 1, 2, 3, 4, 3, 3 and 1 blocks; the last 1x1 is left out."""
    backbone = SPECS["demonstration"].backbone
    assert isinstance(backbone, MobileNetV2)

    groups = layout.inverted_groups(backbone)

    assert [len(group) for group in groups] == [1, 2, 3, 4, 3, 3, 1]
    assert [group[0].depthwise.stride for group in groups] == [1, 2, 2, 2, 1, 2, 1]
    assert [group[-1].project.filters for group in groups] == [16, 24, 32, 64, 96, 160, 320]
    assert groups[0][0].expand is None
    assert all(
        block.has_shortcut == (index > 0) for group in groups for index, block in enumerate(group)
    )


def test_the_backbone_of_the_demonstration_model_has_the_size_of_mobilenet_v2() -> None:
    """torchvision's has 3,504,872 numbers: without its last 1x1 and its classifier fewer.

    It has a batch normalisation of two trainable numbers a channel where we have one bias.
    """
    backbone = SPECS["demonstration"].backbone
    found = list(layout.backbone_convolutions(backbone))
    biases = sum(convolution.filters for convolution in found)
    numbers = sum(
        math.prod(shape) for convolution in found for shape in convolution.tensors().values()
    )

    last_and_classifier = (320 * 1280 + 2 * 1280) + (1280 * 1000 + 1000)
    assert numbers + biases == 3_504_872 - last_and_classifier
