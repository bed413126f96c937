"""Pictures that are no mammograms: few boxes, finite, inside; never a crash."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models import runtimes
from models.detector import Detector
from models.spec import Resize
from tests import adversarial
from tests.tiny_weights import tiny_spec, write_tiny

pytestmark = pytest.mark.tensorflow

PICTURES = {**adversarial.grey(), **adversarial.colour()}

LIFTED = 3.0
"""Added to every score before the sigmoid: the network then sees something everywhere."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("weights") / "tiny.h5", bias=LIFTED)


@pytest.fixture(
    scope="module",
    params=[
        (runtimes.KERAS, Resize.LETTERBOX),
        (runtimes.KERAS, Resize.PUBLISHED_SCRIPT),
        pytest.param((runtimes.OPENVINO, Resize.LETTERBOX), marks=pytest.mark.openvino),
    ],
    ids="-".join,
)
def detector(request: pytest.FixtureRequest, weights: Path) -> Detector:
    runtime, resize = request.param
    spec = replace(tiny_spec(), resize=resize, max_side=300)
    return Detector.load(spec, weights, runtime=runtime)


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_any_picture_gets_at_most_300_finite_boxes_inside_it(detector: Detector, name: str) -> None:
    image = PICTURES[name]
    rows, columns = image.shape[:2]

    found = detector.detect(image, score_threshold=0.06, max_boxes=300).boxes

    assert 0 < len(found) <= 300
    for box in found:
        assert all(math.isfinite(edge) for edge in (box.x0, box.y0, box.x1, box.y1))
        assert 0.06 <= box.score <= 1
        assert 0 <= box.x0 < box.x1 <= columns
        assert 0 <= box.y0 < box.y1 <= rows


def test_all_of_them_at_once_are_one_list_of_boxes_for_each(detector: Detector) -> None:
    images = [PICTURES[name] for name in sorted(PICTURES)]

    found = detector.detect_many(images, score_threshold=0.06, max_boxes=300)

    assert [0 < len(each.boxes) <= 300 for each in found] == [True] * len(images)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        pytest.param(np.zeros((0, 5), np.uint8), "empty", id="no rows"),
        pytest.param(np.zeros((5, 0), np.uint8), "empty", id="no columns"),
        pytest.param(np.zeros((5, 5, 4), np.uint8), "three|rows, columns", id="four channels"),
        pytest.param(np.zeros(5, np.uint8), "rows, columns", id="a line"),
        pytest.param(np.zeros((5, 5), np.uint16), "uint8", id="16 bits"),
        pytest.param(np.full((5, 5), np.nan), "uint8", id="not a number"),
    ],
)
def test_what_is_no_picture_of_8_bits_is_refused_with_the_reason(
    detector: Detector, image: NDArray[np.uint8], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        detector.detect(image, score_threshold=0.3, max_boxes=5)
