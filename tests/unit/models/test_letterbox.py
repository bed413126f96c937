"""Scaling and padding, derived by hand from the sizes of real detectors."""

from __future__ import annotations

import numpy as np
import pytest

from models.letterbox import Frame, letterbox, script_scale


@pytest.mark.parametrize(
    ("rows", "columns", "frame"),
    [
        # 2560 * 800 / 3328 = 615.4; (800 - 615) // 2 = 92, and 93 remain at the right.
        (3328, 2560, Frame(3328, 2560, 800, 615, top=0, left=92)),
        (2560, 3328, Frame(2560, 3328, 615, 800, top=92, left=0)),
        # 1914 * 800 / 2294 = 667.5 (667.48): 66 at the left, 67 at the right.
        (2294, 1914, Frame(2294, 1914, 800, 667, top=0, left=66)),
        (800, 800, Frame(800, 800, 800, 800)),
        (101, 400, Frame(101, 400, 202, 800, top=299, left=0)),
        (5000, 1, Frame(5000, 1, 800, 1, top=0, left=399)),
        (1, 5000, Frame(1, 5000, 1, 800, top=399, left=0)),
    ],
)
def test_the_longest_side_becomes_800_and_the_rest_is_centred(
    rows: int, columns: int, frame: Frame
) -> None:
    assert letterbox(rows, columns, 800) == frame


def test_the_published_box_lies_where_the_stored_image_has_it() -> None:
    """(147, 482, 269, 596) of the padded picture is of a 2560x3328 detector."""
    frame = letterbox(3328, 2560, 800)

    box = frame.to_image(np.array([[147, 482, 269, 596]], np.float32))

    np.testing.assert_allclose(box, [[228.94, 2005.12, 736.78, 2479.36]], atol=0.005)


def test_the_frame_itself_is_the_whole_image() -> None:
    frame = letterbox(2294, 1914, 800)

    box = frame.to_image(np.array([[66, 0, 66 + 667, 800]], np.float32))

    assert box.tolist() == [[0, 0, 1914, 2294]]


def test_what_lies_in_the_padding_is_cut_away() -> None:
    frame = letterbox(3328, 2560, 800)

    outside = frame.inside(frame.to_image(np.array([[0, 100, 92, 200]], np.float32)))

    assert outside[0, 0] == outside[0, 2] == 0


@pytest.mark.parametrize(
    ("rows", "columns", "scale"),
    [
        (3328, 2560, 0.3125),  # 800 / 2560; 3328 becomes 1040
        (500, 1200, 1333 / 1200),  # 800 / 500 would make 1920 of 1200
        (300, 260, 800 / 260),
        (800, 800, 1.0),
    ],
)
def test_the_script_scales_the_shortest_side_to_800_and_no_side_above_1333(
    rows: int, columns: int, scale: float
) -> None:
    assert script_scale(rows, columns, 800, 1333) == scale
