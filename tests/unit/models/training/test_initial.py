"""The numbers that training starts with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import layout
from models.errors import UnreadableWeights, WrongArchitecture, WrongWeights
from models.spec import ResNet
from models.training.errors import WrongRecipe
from models.training.initial import (
    HEAD_DEVIATION,
    Tensors,
    drawn_tensors,
    given_tensors,
    initial_tensors,
)
from models.training.parts import Part, frozen_layers, part_of
from models.training.recipe import Recipe
from models.weights_writer import write_weights
from tests import tiny_network
from tests.tiny_training import SPEC

RESIDUAL = replace(
    tiny_network.SPEC,
    # With 2 filters the gradient of a batch normalisation crashes in TensorFlow's oneDNN.
    backbone=ResNet(blocks=(1, 1, 1, 1), filters=(8, 8, 8, 8)),
    classes=1,
    class_index=0,
    is_reference=False,
)


@pytest.mark.parametrize("spec", [SPEC, RESIDUAL], ids=["mobile", "residual"])
def test_every_tensor_is_drawn_and_the_same_again(spec: object) -> None:
    drawn = drawn_tensors(spec, seed=3)  # type: ignore[arg-type]

    assert {name: tensor.shape for name, tensor in drawn.items()} == layout.tensors(spec)  # type: ignore[arg-type]
    again, other = drawn_tensors(spec, seed=3), drawn_tensors(spec, seed=4)  # type: ignore[arg-type]
    for name, tensor in drawn.items():
        np.testing.assert_array_equal(tensor, again[name])
    assert not np.array_equal(drawn["P3/kernel:0"], other["P3/kernel:0"])


def test_the_heads_are_drawn_as_published() -> None:
    drawn = drawn_tensors(replace(SPEC, pyramid_filters=64), seed=0)

    for head in ("pyramid_regression", "pyramid_classification"):
        for layer in (f"{head}_0", head):
            assert drawn[f"{layer}/kernel:0"].std() == pytest.approx(HEAD_DEVIATION, rel=0.05)
    # sigmoid(-4.595) is 0.01.
    np.testing.assert_allclose(drawn["pyramid_classification/bias:0"], -4.59512, rtol=1e-5)
    assert not drawn["pyramid_regression/bias:0"].any()


def test_a_wider_start_of_the_heads_leaves_their_last_convolution() -> None:
    spec = replace(SPEC, pyramid_filters=64)

    drawn = drawn_tensors(spec, 0, head_deviation=0)

    # He et al.: the square root of 2 over 3 x 3 x 64.
    tower, last = (drawn[f"pyramid_regression{end}/kernel:0"].std() for end in ("_0", ""))
    assert tower == pytest.approx(0.0589, rel=0.05)
    assert last == pytest.approx(HEAD_DEVIATION, rel=0.05)


def written(path: Path, spec: object, tensors: Tensors) -> Path:
    write_weights(path, spec, tensors)  # type: ignore[arg-type]
    return path


def test_a_whole_file_gives_every_tensor(tmp_path: Path) -> None:
    tensors = drawn_tensors(SPEC, seed=3)

    given = given_tensors(written(tmp_path / "w.h5", SPEC, tensors), SPEC)

    assert given.parts == tuple(Part)
    assert given.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(given.tensors[name], tensor)


def test_of_many_classes_ours_is_taken(tmp_path: Path) -> None:
    many = replace(RESIDUAL, classes=5, class_index=2)
    tensors = drawn_tensors(many, seed=3)

    given = given_tensors(written(tmp_path / "w.h5", many, tensors), RESIDUAL, class_index=2)

    name = "pyramid_classification/kernel:0"
    np.testing.assert_array_equal(given.tensors[name], tensors[name][..., 2::5])
    assert given.parts == tuple(Part)


def test_a_file_with_another_head_gives_its_backbone_and_pyramid(tmp_path: Path) -> None:
    longer = replace(SPEC, head_convolutions=3)
    path = written(tmp_path / "w.h5", longer, drawn_tensors(longer, seed=3))

    given = given_tensors(path, replace(SPEC, head_convolutions=4))

    assert given.parts == (Part.BACKBONE, Part.PYRAMID)
    assert {part_of(name.split("/")[0], SPEC) for name in given.tensors} == set(given.parts)


def test_another_backbone_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "w.h5", RESIDUAL, drawn_tensors(RESIDUAL, seed=3))

    with pytest.raises(WrongArchitecture, match="does not hold the backbone of tiny"):
        given_tensors(path, SPEC)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "w.h5", SPEC, drawn_tensors(SPEC, seed=3))
    path.write_bytes(path.read_bytes()[:5000])

    with pytest.raises(UnreadableWeights, match=r"w\.h5 cannot be read"):
        given_tensors(path, SPEC)


def test_a_file_that_holds_nan_is_refused(tmp_path: Path) -> None:
    import h5py

    path = written(tmp_path / "w.h5", SPEC, drawn_tensors(SPEC, seed=3))
    with h5py.File(path, "r+") as file:
        file["stem/stem/bias:0"][2] = np.nan

    with pytest.raises(WrongWeights, match="stem/bias:0"):
        given_tensors(path, SPEC)


def test_given_numbers_replace_the_drawn_ones() -> None:
    given = {"stem/bias:0": np.full(8, 5, np.float32)}

    found = initial_tensors(SPEC, Recipe(seed=3), given)

    assert found["stem/bias:0"].tolist() == [5.0] * 8
    np.testing.assert_array_equal(found["P3/kernel:0"], drawn_tensors(SPEC, 3)["P3/kernel:0"])
    with pytest.raises(ValueError, match="no tensor"):
        initial_tensors(SPEC, Recipe(seed=3), {"stem/bias:0": np.zeros(9, np.float32)})


def test_parts_and_the_start_of_names_can_be_frozen() -> None:
    assert frozen_layers(SPEC, ()) == frozenset()
    assert frozen_layers(SPEC, ("heads",)) == {
        "pyramid_regression_0",
        "pyramid_regression",
        "pyramid_classification_0",
        "pyramid_classification",
    }
    assert frozen_layers(SPEC, ("stem", "block1_")) == {
        "stem",
        "block1_1_depthwise",
        "block1_1_project",
    }
    backbone = frozen_layers(SPEC, ("backbone",))
    assert backbone == {c.name for c in layout.backbone_convolutions(SPEC.backbone)}
    assert frozen_layers(SPEC, ("pyramid",)) == frozenset(layout.pyramid(SPEC))


def test_every_name_that_fits_nothing_is_told() -> None:
    with pytest.raises(WrongRecipe) as caught:
        frozen_layers(SPEC, ("stem", "res2", "tail"))

    assert len(caught.value.problems) == 2
    with pytest.raises(WrongRecipe, match="nothing is left to train"):
        frozen_layers(SPEC, ("backbone", "pyramid", "heads"))
