"""Where a window is cut out, and what is in it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.training import window

SIZE = (130, 170)
BREAST = np.array([[0.0, 10.0, 120.0, 130.0]])
NOTHING = np.zeros((0, 4))


@given(
    seed=st.integers(0, 2**32 - 1),
    x=st.integers(0, 130),
    y=st.integers(0, 90),
    height=st.integers(40, 130),
    width=st.integers(40, 170),
)
def test_a_lesion_that_fits_is_whole_in_the_window(
    seed: int, x: int, y: int, height: int, width: int
) -> None:
    box = np.array([[x, y, x + 40, y + 40]], np.float64)
    generator = np.random.default_rng(seed)

    top, left = window.place(box, BREAST, window=(height, width), size=SIZE, generator=generator)

    assert 0 <= top <= SIZE[0] - height
    assert 0 <= left <= SIZE[1] - width
    found = window.seen(box, top=top, left=left, window=(height, width), visible=0.5)
    np.testing.assert_array_equal(found.boxes, box - [left, top, left, top])
    assert not len(found.unclear)


def test_without_a_lesion_the_window_is_on_the_breast() -> None:
    places = [
        window.place(
            NOTHING, BREAST, window=(50, 60), size=SIZE, generator=np.random.default_rng(seed)
        )
        for seed in range(300)
    ]

    tops, lefts = zip(*places, strict=True)
    assert (min(tops), max(tops)) == (10, 80)
    assert (min(lefts), max(lefts)) == (0, 60)


def test_every_lesion_gets_its_windows() -> None:
    boxes = np.array([[0, 10, 20, 30], [100, 100, 120, 125]], np.float64)
    seen = set()
    for seed in range(40):
        generator = np.random.default_rng(seed)
        top, left = window.place(boxes, BREAST, window=(40, 40), size=SIZE, generator=generator)
        found = window.seen(boxes, top=top, left=left, window=(40, 40), visible=0.5)
        assert len(found.boxes) == 1
        seen.add(bool(found.boxes[0, 2] - found.boxes[0, 0] == 20 and top < 40))

    assert seen == {True, False}


def test_a_lesion_that_is_larger_fills_the_window() -> None:
    box = np.array([[10, 10, 110, 110]], np.float64)
    for seed in range(30):
        top, left = window.place(
            box, BREAST, window=(50, 60), size=SIZE, generator=np.random.default_rng(seed)
        )
        assert 10 <= top <= 60
        assert 10 <= left <= 50


def test_a_lesion_that_was_moved_out_of_the_image_is_not_looked_for() -> None:
    box = np.array([[-90, -90, -50, -50]], np.float64)

    places = {
        window.place(box, BREAST, window=(50, 60), size=SIZE, generator=np.random.default_rng(seed))
        for seed in range(20)
    }

    assert len(places) > 10


def test_a_cut_box_is_a_lesion_unclear_or_gone() -> None:
    boxes = np.array([[20, 20, 40, 40], [4, 20, 14, 40], [0, 20, 12, 40], [0, 0, 5, 5]], np.float64)

    found = window.seen(boxes, top=10, left=10, window=(60, 60), visible=0.4)

    # Shares: all, 4 of 10 columns, 2 of 12, nothing.
    assert found.boxes.tolist() == [[10, 10, 30, 30], [0, 10, 4, 30]]
    assert found.unclear.tolist() == [[0, 10, 2, 30]]


def test_the_content_is_what_is_brighter_than_air() -> None:
    pixels = np.full((30, 40), window.BACKGROUND, np.uint8)
    pixels[5:9, 7:31] = window.BACKGROUND + 1

    assert window.content(pixels).tolist() == [[7, 5, 31, 9]]
    assert window.content(np.zeros((30, 40, 3), np.uint8)).tolist() == [[0, 0, 40, 30]]
