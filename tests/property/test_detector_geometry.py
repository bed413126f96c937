"""The detector's geometry on sizes nobody chose."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.anchors import anchors, level_shape
from models.boxes import clip, decode, iou
from models.detector import Detector
from models.letterbox import Frame, letterbox
from models.network import Network
from models.postprocess import suppress
from models.preprocess import prepare
from models.spec import AnchorRule, Resize
from tests import tiny_network

SIDE = 800
# 4e-10 of the largest image: float64 has ten times more digits than that needs.
ROUND_TRIP_TOLERANCE_PX = 1e-6

sizes = st.integers(1, 6000)
network_sizes = st.integers(1, 170)


@given(rows=sizes, columns=sizes)
def test_the_letterbox_fills_one_side_and_centres_the_other(rows: int, columns: int) -> None:
    frame = letterbox(rows, columns, SIDE)

    right = SIDE - frame.left - frame.width
    bottom = SIDE - frame.top - frame.height
    assert max(frame.height, frame.width) == SIDE
    assert frame.height == int(frame.height) >= 1
    assert frame.width == int(frame.width) >= 1
    assert 0 <= right - frame.left <= 1
    assert 0 <= bottom - frame.top <= 1
    if rows >= columns:
        assert abs(frame.width - columns * SIDE / rows) <= 1
    else:
        assert abs(frame.height - rows * SIDE / columns) <= 1


def _inside(rows: int, columns: int, shares: list[float]) -> NDArray[np.float64]:
    x = sorted(share * columns for share in shares[:2])
    y = sorted(share * rows for share in shares[2:])
    return np.array([[x[0], y[0], x[1], y[1]]])


def _to_network(frame: Frame, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map edge coordinates of the image to the network's input, by the definition of a frame."""
    x, y = frame.width / frame.columns, frame.height / frame.rows
    return np.asarray(
        boxes * np.array([x, y, x, y]) + np.array([frame.left, frame.top, frame.left, frame.top])
    )


@given(
    rows=sizes,
    columns=sizes,
    shares=st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_a_box_goes_to_the_network_and_back(rows: int, columns: int, shares: list[float]) -> None:
    frame = letterbox(rows, columns, SIDE)
    box = _inside(rows, columns, shares)

    there = _to_network(frame, box)
    back = frame.to_image(there)

    assert (there >= [frame.left, frame.top, frame.left, frame.top]).all()
    assert (there[:, 2:] <= [frame.left + frame.width, frame.top + frame.height]).all()
    np.testing.assert_allclose(back, box, rtol=0, atol=ROUND_TRIP_TOLERANCE_PX)


@given(rows=sizes, columns=sizes, box=st.lists(st.floats(-100, 900), min_size=4, max_size=4))
def test_a_box_never_leaves_the_image(rows: int, columns: int, box: list[float]) -> None:
    frame = letterbox(rows, columns, SIDE)

    found = frame.inside(frame.to_image(np.array([box])))[0]

    assert (found >= 0).all()
    assert (found <= [columns, rows, columns, rows]).all()


@settings(max_examples=40)
@given(
    rows=st.integers(1, 900),
    columns=st.integers(1, 900),
    resize=st.sampled_from(Resize),
    level=st.sampled_from([0, 1, 254, 255]),
)
def test_a_flat_image_stays_flat_at_any_size(
    rows: int, columns: int, resize: Resize, level: int
) -> None:
    spec = replace(tiny_network.SPEC, resize=resize, side=96, max_side=160)

    pixels, frame = prepare(np.full((rows, columns), level, np.uint8), spec)

    grey = pixels + np.array(spec.channel_means, np.float32)
    top, left = frame.top, frame.left
    height, width = round(frame.height), round(frame.width)
    content = grey[top : top + max(1, height), left : left + max(1, width)]
    np.testing.assert_allclose(content, level, atol=1e-3)
    assert math.isclose(float(grey.sum()), float(content.sum()), abs_tol=0.3 * 96)


@pytest.mark.tensorflow
@given(size=st.integers(1, 400), extra=st.integers(0, 1))
def test_enlarging_counts_from_the_corners_as_tensorflow_1_did(size: int, extra: int) -> None:
    """A finer level has twice the pixels, or one less; TensorFlow 1 computed in float32."""
    from models.pyramid import nearest_source

    wanted = max(1, 2 * size - extra)

    found = np.asarray(nearest_source(size, wanted))

    scale = np.float32(size) / np.float32(wanted)
    tensorflow_1 = np.floor(np.arange(wanted, dtype=np.float32) * scale).astype(int)
    assert found.tolist() == [i * size // wanted for i in range(wanted)]
    np.testing.assert_array_equal(found, np.minimum(tensorflow_1, size - 1))
    from_centres = [(2 * i + 1) * size // (2 * wanted) for i in range(wanted)]
    # The two ways agree on whole multiples (all levels of 800x800) and differ elsewhere.
    assert (found.tolist() == from_centres) == (wanted % size == 0)


@pytest.fixture(scope="module")
def network() -> Network:
    return tiny_network.build()


@pytest.mark.tensorflow
@given(height=network_sizes, width=network_sizes)
@settings(max_examples=25)
def test_the_network_answers_once_for_each_anchor(
    network: Network, height: int, width: int
) -> None:
    answers = network(np.ones((height, width, 3), np.float32))

    count = len(anchors(tiny_network.SPEC.anchors, height, width))
    assert answers.regression.shape == (count, 4)
    assert answers.classification.shape == (count, 1)
    assert np.isfinite(answers.regression).all()


@pytest.mark.tensorflow
@given(rows=st.integers(1, 400), columns=st.integers(1, 400), seed=st.integers(0, 99))
@settings(max_examples=25)
def test_every_detection_lies_in_its_image_and_has_an_area(
    network: Network, rows: int, columns: int, seed: int
) -> None:
    detector = Detector(tiny_network.SPEC, network, "0" * 64)
    image = np.random.default_rng(seed).integers(0, 256, (rows, columns), np.uint8)

    found = detector.detect(image, score_threshold=0.05, max_boxes=20).boxes

    assert len(found) <= 20
    assert list(found) == sorted(found, key=lambda box: -box.score)
    for box in found:
        assert 0 <= box.x0 < box.x1 <= columns
        assert 0 <= box.y0 < box.y1 <= rows
        assert 0.05 <= box.score <= 1


@given(height=sizes, width=sizes)
def test_a_level_has_the_size_of_one_division_rounded_up(height: int, width: int) -> None:
    for level in AnchorRule().levels:
        step = 2**level
        assert level_shape(height, width, level) == (-(-height // step), -(-width // step))


boxes = st.lists(
    st.tuples(st.integers(0, 90), st.integers(0, 90), st.integers(1, 60), st.integers(1, 60)),
    min_size=1,
    max_size=30,
).map(lambda rows: np.array([(x, y, x + w, y + h) for x, y, w, h in rows], np.float32))


@given(boxes=boxes, seed=st.integers(0, 99))
def test_no_two_kept_boxes_overlap_and_each_lost_one_has_a_better_neighbour(
    boxes: NDArray[np.float32], seed: int
) -> None:
    scores = np.random.default_rng(seed).permutation(len(boxes)).astype(np.float32)

    kept = suppress(boxes, scores, iou_limit=0.5, at_most=len(boxes))

    for index in range(len(boxes)):
        better = kept[scores[kept] > scores[index]]
        overlaps = iou(boxes[index], boxes[better]) > 0.5
        assert overlaps.any() == (index not in kept)


@given(boxes=boxes)
def test_offsets_that_point_to_a_box_decode_to_it(boxes: NDArray[np.float32]) -> None:
    origin = np.array([[10, 20, 52, 41]], np.float32)
    unit = np.array([42, 21, 42, 21], np.float32) * np.float32(0.2)

    decoded = decode(np.repeat(origin, len(boxes), 0), (boxes - origin) / unit, deviation=0.2)

    np.testing.assert_allclose(decoded, boxes, atol=1e-3)
    assert (clip(decoded, height=50, width=70) <= [70, 50, 70, 50]).all()


def test_the_unrounded_way_back_would_be_pixels_wrong() -> None:
    """Why the frame keeps what was really used: 800 / 3329 of 1 and of 2561 columns."""
    rows, columns = 3329, 2561
    frame = letterbox(rows, columns, SIDE)
    scale = SIDE / rows
    naive = Frame(rows, columns, rows * scale, columns * scale, left=frame.left)

    corner = np.array([[frame.left + frame.width, 0, frame.left + frame.width, 1]], np.float32)

    assert frame.to_image(corner)[0, 0] == columns
    assert abs(naive.to_image(corner)[0, 0] - columns) > 1
