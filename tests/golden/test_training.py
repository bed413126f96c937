"""Training targets, losses and augmentation against those of the published code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models import backend
from models.spec import AnchorRule
from models.training.augmentation import Affine, moved_boxes
from models.training.targets import IGNORED, NEGATIVE, NO_BOXES, POSITIVE, Matching, anchor_targets

FILE = Path(__file__).parent / "reference" / "golden_training.npz"
HEIGHT, WIDTH = 160, 200

# Anchors are float32 here and float64 there; offsets are up to 20.
OFFSET = 2e-5
# Sums of 6129 float32 numbers in another order, and a logarithm of another library.
LOSS = 3e-6

Golden = Mapping[str, NDArray[np.float64]]


@pytest.fixture(scope="module")
def golden() -> Golden:
    with np.load(FILE) as stored:
        return {name: stored[name] for name in stored.files}


def both(golden: Golden) -> list[NDArray[np.float64]]:
    return [golden["boxes"], NO_BOXES]


@pytest.mark.parametrize("image", [0, 1])
def test_every_anchor_has_the_published_target(golden: Golden, image: int) -> None:
    found = anchor_targets(
        AnchorRule(), both(golden)[image], height=HEIGHT, width=WIDTH, matching=Matching()
    )

    np.testing.assert_array_equal(found.classification, golden["cls_target"][image])
    np.testing.assert_array_equal(found.regression[:, 4], golden["reg_target"][image, :, 4])
    np.testing.assert_allclose(found.regression, golden["reg_target"][image], rtol=0, atol=OFFSET)


def test_100_anchors_are_positive_and_415_ignored(golden: Golden) -> None:
    found = anchor_targets(
        AnchorRule(), golden["boxes"], height=HEIGHT, width=WIDTH, matching=Matching()
    )

    state = found.classification[:, -1]
    counts = [int((state == value).sum()) for value in (POSITIVE, IGNORED, NEGATIVE)]
    assert counts == [100, 415, 6129 - 515]


def losses() -> dict[str, Callable[[Any, Any], Any]]:
    backend.load()
    from models.training import losses

    return {
        "focal": losses.focal(alpha=0.25, gamma=2.0),
        "smooth_l1": losses.smooth_l1(sigma=3.0),
    }


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("name", "wanted", "answered"),
    [("focal", "cls_target", "pred_cls"), ("smooth_l1", "reg_target", "pred_reg")],
)
def test_a_loss_is_the_published_one(golden: Golden, name: str, wanted: str, answered: str) -> None:
    loss = losses()[name]

    together = float(loss(golden[wanted], golden[answered]))
    each = [float(loss(golden[wanted][i : i + 1], golden[answered][i : i + 1])) for i in range(2)]

    np.testing.assert_allclose(together, golden[name], rtol=LOSS)
    np.testing.assert_allclose(each, golden[f"{name}_each"], rtol=LOSS)


@pytest.mark.parametrize("case", range(6))
def test_an_affine_movement_is_the_published_one(golden: Golden, case: int) -> None:
    rotation, x, y, shear, scale_x, scale_y, flip_x, flip_y = golden["affine_params"][case]
    affine = Affine(rotation, (x, y), shear, (scale_x, scale_y), bool(flip_x), bool(flip_y))

    matrix = affine.matrix(height=HEIGHT, width=WIDTH)

    np.testing.assert_allclose(matrix, golden["affine_matrix"][case], rtol=0, atol=1e-12)
    boxes = moved_boxes(matrix, golden["boxes"])
    np.testing.assert_allclose(boxes, golden["affine_boxes"][case], rtol=0, atol=1e-12)
