"""Box arithmetic, derived by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.boxes import clip, decode, iou


def row(*numbers: float) -> np.ndarray:
    return np.array([numbers], np.float32)


def test_offsets_move_the_corners_in_units_of_a_fifth_of_the_anchor() -> None:
    """Width 40 and height 10: 0.5 * 0.2 * 40 = 4, -1 * 0.2 * 10 = -2, and so on."""
    moved = decode(row(100, 50, 140, 60), row(0.5, -1, 2, 3), deviation=0.2)

    np.testing.assert_allclose(moved, row(104, 48, 156, 66), rtol=1e-6)


def test_boxes_are_cut_to_the_width_itself_and_not_to_one_less() -> None:
    cut = clip(row(-3, -2, 900, 700), height=555, width=800)

    assert cut.tolist() == [[0, 0, 800, 555]]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((0, 0, 10, 20), 1.0),
        ((0, 10, 10, 20), 0.5),
        ((5, 0, 15, 20), 1 / 3),
        ((10, 0, 20, 20), 0.0),  # they touch
        ((3, 3, 3, 9), 0.0),  # empty
    ],
)
def test_iou_is_shared_area_over_joint_area(other: tuple[float, ...], expected: float) -> None:
    assert iou(row(0, 0, 10, 20)[0], row(*other))[0] == pytest.approx(expected)


def test_the_iou_of_two_empty_boxes_is_zero_and_not_nan() -> None:
    assert iou(row(3, 3, 3, 3)[0], row(3, 3, 3, 3))[0] == 0
