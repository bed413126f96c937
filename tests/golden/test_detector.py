"""The whole detector on whole pictures, with the reference weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.detector import Detector
from models.errors import WrongChecksum, WrongWeights
from models.network import Network
from models.runtimes import LoadedNetwork
from models.spec import SPECS, ModelSpec
from tests.golden import inputs

pytestmark = pytest.mark.tensorflow

# Two builds of one network differ in the last bits: static against dynamic input shape.
BOX_TOLERANCE_PX = 0.05
SCORE_TOLERANCE = 2e-4


def numbers(detector: Detector, image: NDArray[np.uint8]) -> NDArray[np.float64]:
    found = detector.detect(image, score_threshold=0.06, max_boxes=300).boxes
    return np.array([(box.x0, box.y0, box.x1, box.y1, box.score) for box in found])


def test_letterbox_and_script_agree_on_the_published_picture(
    published: inputs.Picture, detector: Detector, node_network: Network, spec: ModelSpec
) -> None:
    script = Detector(spec, node_network, detector.weights_sha256)

    ours, theirs = numbers(detector, published), numbers(script, published)

    assert len(ours) == len(theirs) > 100
    # By place, not by order: neighbouring scores differ by less than rounding does.
    nearest = np.abs(ours[:, None, :4] - theirs[None, :, :4]).max(axis=2).argmin(axis=1)
    assert sorted(nearest) == list(range(len(theirs)))
    np.testing.assert_allclose(ours[:, :4], theirs[nearest, :4], rtol=0, atol=BOX_TOLERANCE_PX)
    np.testing.assert_allclose(ours[:, 4], theirs[nearest, 4], rtol=0, atol=SCORE_TOLERANCE)


def test_padding_an_image_by_hand_moves_its_boxes_by_the_padding_alone(detector: Detector) -> None:
    """800x416 needs no scaling, and (800 - 416) // 2 = 192 columns at its left."""
    padded = numbers(detector, inputs.padded())

    bare = numbers(detector, np.ascontiguousarray(inputs.padded()[:, 192:608]))

    shift = np.array([192, 0, 192, 0, 0])
    moved = np.clip(padded - shift, 0, [416, 800, 416, 800, 1])
    moved = moved[(moved[:, 0] < moved[:, 2]) & (moved[:, 1] < moved[:, 3])]
    assert 0 < len(moved) < len(padded)  # some boxes lie in the black alone
    np.testing.assert_array_equal(bare, moved)


def test_a_grey_picture_and_its_three_equal_channels_give_the_same_boxes(
    detector: Detector,
) -> None:
    image = inputs.phantom(331, 257, 5)

    np.testing.assert_array_equal(numbers(detector, image), numbers(detector, inputs.grey(image)))


def test_the_same_image_twice_gives_the_same_boxes(detector: Detector) -> None:
    image = inputs.phantom(331, 257, 6)

    np.testing.assert_array_equal(numbers(detector, image), numbers(detector, image))


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((331, 257), np.uint8), id="black"),
        pytest.param(np.full((331, 257), 255, np.uint8), id="white"),
        pytest.param(np.full((801, 1), 128, np.uint8), id="one column"),
        pytest.param(np.full((1, 4097), 128, np.uint8), id="one row"),
        pytest.param(np.full((1, 1), 7, np.uint8), id="one pixel"),
    ],
)
@pytest.mark.parametrize("resize", ["letterbox", "published_script"])
def test_a_strange_image_gives_finite_boxes_inside_it(
    image: NDArray[np.uint8],
    resize: str,
    detector: Detector,
    runtime_network: LoadedNetwork,
    spec: ModelSpec,
) -> None:
    if resize == "published_script":
        detector = Detector(spec, runtime_network, detector.weights_sha256)
    rows, columns = image.shape

    found = numbers(detector, image).reshape(-1, 5)

    assert np.isfinite(found).all()
    assert (found[:, :2] >= 0).all()
    assert (found[:, 0] < found[:, 2]).all()
    assert (found[:, 1] < found[:, 3]).all()
    assert (found[:, 2] <= columns).all()
    assert (found[:, 3] <= rows).all()


def test_images_of_many_sizes_are_traced_once(detector: Detector) -> None:
    detector.warm_up()
    traced = detector.network.model.predict_function
    before = traced.experimental_get_tracing_count()

    for rows, columns in [(331, 257), (101, 1031), (1664, 1280)]:
        numbers(detector, inputs.phantom(rows, columns, 1))

    assert traced.experimental_get_tracing_count() == before == 1


def test_the_threshold_and_the_number_of_boxes_are_respected(detector: Detector) -> None:
    image = inputs.phantom(331, 257, 5)
    every = detector.detect(image, score_threshold=0.06, max_boxes=300).boxes
    assert [box.score for box in every] == sorted((box.score for box in every), reverse=True)
    middle = every[len(every) // 2].score

    above = detector.detect(image, score_threshold=middle, max_boxes=300).boxes
    best = detector.detect(image, score_threshold=0.06, max_boxes=3).boxes

    assert above == tuple(box for box in every if box.score >= middle)
    assert above[-1].score == middle
    assert best == every[:3]


def test_the_version_names_the_weights(detector: Detector) -> None:
    assert len(detector.weights_sha256) == 64
    assert detector.version == f"1+{detector.weights_sha256[:12]}"


def test_another_checksum_than_the_expected_is_refused(weights: Path) -> None:
    with pytest.raises(WrongChecksum, match="not the expected 0000"):
        Detector.load(SPECS["reference"], weights, expected_sha256="0" * 64)


def test_random_weights_never_answer_as_the_trained_model(weights: Path) -> None:
    with pytest.raises(WrongWeights, match="random numbers"):
        Detector.load(SPECS["ueda2022"], weights)


def test_a_revision_of_the_model_changes_its_version(detector: Detector) -> None:
    changed = replace(detector.spec, revision="2")

    assert changed.version(detector.weights_sha256) != detector.version
