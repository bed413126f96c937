"""A specification goes through JSON and comes back the same, or says what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from models.registry.spec_values import from_values, to_values
from models.spec import SPECS, AnchorRule, MobileNetV2, ModelSpec, Resize, ResNet

SPECIAL = replace(
    SPECS["ueda2022"],
    name="special",
    backbone=ResNet(blocks=(1, 2), filters=(3, 4), numbered=(True, False), stride_on_3x3=True),
    anchors=AnchorRule(levels=(3,), sizes=(16,), strides=(8,), ratios=(1.5,), scales=(0.1 + 0.2,)),
    resize=Resize.PUBLISHED_SCRIPT,
    channel_means=(0.1, 0.2, 1 / 3),
)


@pytest.mark.parametrize("spec", [*SPECS.values(), SPECIAL], ids=lambda spec: spec.name)
def test_a_specification_comes_back_the_same(spec: ModelSpec) -> None:
    again = from_values(json.loads(json.dumps(to_values(spec))))

    assert again == spec
    assert hash(again) == hash(spec), "its lists are tuples again"
    assert isinstance(again.resize, Resize)
    assert type(again.backbone) is type(spec.backbone)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda values: values.update(novelty=1), "spec has unknown fields: novelty"),
        (lambda values: values["anchors"].update(novelty=1), "anchors has unknown fields"),
        (lambda values: values["backbone"].update(novelty=1), "backbone has unknown fields"),
        (lambda values: values["backbone"].update(kind="vgg"), "no backbone is called 'vgg'"),
        (lambda values: values.update(side="wide"), "side: "),
        (lambda values: values.pop("name"), "name: "),
        (lambda values: values.update(resize="crop"), "resize: "),
    ],
)
def test_what_this_version_does_not_know_is_named(change: Any, why: str) -> None:
    values = to_values(SPECS["demonstration"])
    change(values)

    with pytest.raises(ValueError, match=why):
        from_values(values)


def test_a_field_that_is_newer_than_the_record_has_its_default() -> None:
    values = to_values(replace(SPECS["demonstration"], max_boxes=9))
    del values["max_boxes"]
    del values["backbone"]["taps"]

    again = from_values(values)

    assert again.max_boxes == 5
    assert again.backbone == MobileNetV2()
