"""Our network against the published code, on every golden input that is here."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from models.anchors import anchors
from models.letterbox import Frame
from models.network import Network
from models.postprocess import Answers, candidates, detections
from models.preprocess import Prepared, prepare, subtract_means
from models.runtimes import LoadedNetwork
from models.spec import ModelSpec
from tests.golden import inputs, parity

# The resized pixels came out equal bit for bit; another CPU may round differently.
PIXEL_TOLERANCE = 1e-3

SAMPLES = 16


@pytest.fixture(scope="module", params=parity.names())
def name(request: pytest.FixtureRequest) -> str:
    if request.param == "testmammo" and not inputs.PUBLISHED.exists():
        pytest.skip(inputs.PUBLISHED_MISSING)
    return str(request.param)


@pytest.fixture(scope="module")
def golden(name: str) -> parity.Golden:
    return parity.golden(name)


@pytest.fixture(scope="module")
def image(name: str) -> inputs.Picture:
    return inputs.MAKERS[name]()


@pytest.fixture(scope="module")
def prepared(name: str, image: inputs.Picture, spec: ModelSpec) -> Prepared:
    if name in inputs.NOT_RESIZED:
        rows, columns, _ = image.shape
        return Prepared(subtract_means(image, spec), Frame(rows, columns, rows, columns))
    return prepare(image, spec)


@pytest.fixture(scope="module")
def answers(prepared: Prepared, whole: Network) -> Answers:
    return whole(prepared.pixels)


def test_there_are_golden_inputs_and_a_maker_for_each() -> None:
    assert len(parity.names()) >= 4
    assert set(parity.names()) <= set(inputs.MAKERS)


def test_the_input_is_the_one_that_the_published_code_saw(
    golden: parity.Golden, image: inputs.Picture
) -> None:
    assert image.shape == tuple(golden["input_shape"])
    assert hashlib.sha256(image.tobytes()).hexdigest() == str(golden["input_sha256"])


def test_the_network_input_has_the_published_size_and_pixels(
    golden: parity.Golden, prepared: Prepared
) -> None:
    pixels = prepared.pixels
    assert pixels.dtype == np.float32
    assert pixels.shape == tuple(golden["resized_shape"])
    height, width, _ = pixels.shape
    sample = pixels[:: max(1, height // SAMPLES), :: max(1, width // SAMPLES)]
    np.testing.assert_allclose(sample, golden["resized_sample"], rtol=0, atol=PIXEL_TOLERANCE)


def test_the_anchors_are_the_published_ones_bit_for_bit(
    golden: parity.Golden, spec: ModelSpec
) -> None:
    height, width, _ = golden["resized_shape"]

    found = anchors(spec.anchors, int(height), int(width))

    assert len(found) == golden["n_anchors"]
    np.testing.assert_array_equal(found[golden["sample_index"]], golden["sample_anchor"])
    assert hashlib.sha256(found.tobytes()).hexdigest() == str(golden["anchors_sha256"])


@pytest.mark.tensorflow
def test_the_whole_network_answers_as_the_published_code(
    golden: parity.Golden, spec: ModelSpec, whole: Network, prepared: Prepared, answers: Answers
) -> None:
    height, width, _ = prepared.pixels.shape

    found = detections(answers, spec, height=height, width=width, classes=whole.classes)

    result = parity.compare(golden, answers, found)
    assert not result.problems, result


@pytest.mark.tensorflow
def test_the_boxes_before_the_filter_are_the_published_ones(
    golden: parity.Golden, spec: ModelSpec, whole: Network, prepared: Prepared, answers: Answers
) -> None:
    height, width, _ = prepared.pixels.shape
    # The golden pairs themselves: a score next to 0.05 may fall on either side of it.
    chosen = np.zeros_like(answers.classification)
    chosen[golden["cand_anchor"], golden["cand_class"]] = 1.0

    found = candidates(
        answers._replace(classification=chosen),
        spec,
        height=height,
        width=width,
        classes=whole.classes,
    )

    order = np.lexsort((golden["cand_class"], golden["cand_anchor"]))
    np.testing.assert_array_equal(found.labels, golden["cand_class"][order])
    np.testing.assert_allclose(
        found.boxes, golden["cand_box_clipped"][order], rtol=0, atol=parity.BOX_TOLERANCE_PX
    )


def test_boxes_go_back_to_the_image_as_in_the_published_program(
    golden: parity.Golden, prepared: Prepared
) -> None:
    listed = golden["det_scores"] > 0

    boxes = prepared.frame.to_image(golden["det_boxes_resized"][listed])

    np.testing.assert_allclose(boxes, golden["det_boxes"][listed], rtol=1e-6, atol=1e-3)


@pytest.mark.tensorflow
def test_the_folded_network_of_one_class_answers_as_the_published_code(
    golden: parity.Golden, spec: ModelSpec, runtime_network: LoadedNetwork, prepared: Prepared
) -> None:
    height, width, _ = prepared.pixels.shape

    (answers,) = runtime_network.run(prepared.pixels[None])
    found = detections(answers, spec, height=height, width=width, classes=runtime_network.classes)

    assert runtime_network.classes == (parity.MALIGNANT,)
    result = parity.compare_malignant(golden, answers, found)
    assert not result.problems, result
