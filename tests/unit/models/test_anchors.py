"""Anchors, derived by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.anchors import anchors, base_anchors, level_shape
from models.spec import AnchorRule

RULE = AnchorRule()


@pytest.mark.parametrize(
    ("height", "width", "shapes"),
    [
        # 97 -> 49 -> 25 -> 13 -> 7 -> 4 -> 2 -> 1 and 131 -> 66 -> 33 -> 17 -> 9 -> 5 -> 3 -> 2
        (97, 131, [(13, 17), (7, 9), (4, 5), (2, 3), (1, 2)]),
        (800, 800, [(100, 100), (50, 50), (25, 25), (13, 13), (7, 7)]),
        (555, 1333, [(70, 167), (35, 84), (18, 42), (9, 21), (5, 11)]),
        (1, 1, [(1, 1)] * 5),
    ],
)
def test_a_level_is_halved_again_and_again_and_rounded_up(
    height: int, width: int, shapes: list[tuple[int, int]]
) -> None:
    assert [level_shape(height, width, level) for level in RULE.levels] == shapes
    count = sum(rows * columns for rows, columns in shapes) * RULE.per_location
    assert len(anchors(RULE, height, width)) == count


def test_a_base_anchor_has_the_area_and_the_ratio_height_over_width() -> None:
    base = base_anchors(RULE, 32)

    # Ratio by ratio, and within a ratio scale by scale: the square one is number 3.
    assert base[3].tolist() == [-16, -16, 16, 16]
    # Half as high as wide: 32 * sqrt(2) by 32 / sqrt(2).
    np.testing.assert_allclose(base[0], [-22.627417, -11.3137085, 22.627417, 11.3137085], rtol=1e-7)
    assert base[6].tolist() == base[0][[1, 0, 3, 2]].tolist()
    sides = base[:, 2:] - base[:, :2]
    np.testing.assert_allclose(sides[:, 1] / sides[:, 0], np.repeat([0.5, 1, 2], 3), rtol=1e-6)
    areas = np.tile([32**2, 32**2 * 2 ** (2 / 3), 32**2 * 2 ** (4 / 3)], 3)
    np.testing.assert_allclose(sides.prod(axis=1), areas, rtol=1e-6)


def test_the_scales_are_held_in_float32() -> None:
    """Half the width is 32 * scale * sqrt(2) / 2; 2 ** (1/3) in float32 is 1.2599210739.

    That makes 28.50875952, nearest to 28.50876045 of the float32 numbers; the float64
    scale 1.2599210499 makes 28.50875898, nearest to 28.50875854.
    """
    assert float(base_anchors(RULE, 32)[1, 2]) == 28.508760452270508


def test_anchors_run_by_level_row_column_and_base_anchor() -> None:
    every = anchors(RULE, 97, 131)

    def centre(index: int) -> list[float]:
        box = every[index]
        return [float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2]

    assert centre(3) == [4, 4]  # first place of P3: half a stride of 8
    assert centre(9 + 3) == [12, 4]  # next column
    assert centre(9 * 17 + 3) == [4, 12]  # next row: P3 has 17 columns
    assert centre(9 * 17 * 13 + 3) == [8, 8]  # first place of P4: half a stride of 16
    assert centre(len(every) - 6) == [192, 64]  # last place of P7: second column of 128


def test_anchors_are_not_cut_to_the_image() -> None:
    assert anchors(RULE, 97, 131).min() < -200
