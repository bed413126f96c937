"""Several images at once: the same boxes, in order, and with as much memory as there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.detector import Detections, Detector
from models.errors import NotFinite, OutOfMemory
from models.network import Network
from models.postprocess import Answers
from models.spec import Resize
from tests import tiny_network

pytestmark = pytest.mark.tensorflow

# Of the whole network in float32: the sums are the same, their order may not be.
SCORE_TOLERANCE = 2e-4
BOX_TOLERANCE = 1e-3
"""Of the image's longest side."""


class Narrow:
    """A network that has room for so many images; it notes how many it was given."""

    device = "cpu:0"
    classes = (1,)

    def __init__(self, network: Network, room: Callable[[], int]) -> None:
        self._network = network
        self._room = room
        self.tried: list[int] = []

    def run(self, batch: NDArray[np.float32]) -> list[Answers]:
        self.tried.append(len(batch))
        if len(batch) > self._room():
            raise OutOfMemory("no room")
        return self._network.run(batch)


@pytest.fixture(scope="module")
def network() -> Network:
    return tiny_network.build()


@pytest.fixture(scope="module")
def images() -> list[NDArray[np.uint8]]:
    generator = np.random.default_rng(2)
    sizes = [(96, 96), (331, 257), (40, 131), (96, 96), (257, 331), (1, 9), (700, 90)]
    return [generator.integers(0, 256, size).astype(np.uint8) for size in sizes]


def look(detector: Detector, images: list[NDArray[np.uint8]]) -> list[Detections]:
    return detector.detect_many(images, score_threshold=0.06, max_boxes=300)


def assert_same(
    found: list[Detections], wanted: list[Detections], images: list[NDArray[np.uint8]]
) -> None:
    assert len(found) == len(wanted) == len(images)
    assert any(each.boxes for each in wanted)
    for one, other, image in zip(found, wanted, images, strict=True):
        assert len(one.boxes) == len(other.boxes)
        for ours, theirs in zip(one.boxes, other.boxes, strict=True):
            assert abs(ours.score - theirs.score) < SCORE_TOLERANCE
            edges = zip(
                (ours.x0, ours.y0, ours.x1, ours.y1),
                (theirs.x0, theirs.y0, theirs.x1, theirs.y1),
                strict=True,
            )
            assert max(abs(a - b) for a, b in edges) < BOX_TOLERANCE * max(image.shape)


@pytest.mark.parametrize("resize", list(Resize))
def test_images_together_give_what_each_gives_alone_in_order(
    network: Network, images: list[NDArray[np.uint8]], resize: Resize
) -> None:
    spec = replace(tiny_network.SPEC, resize=resize, max_side=300)
    detector = Detector(spec, network, "0" * 64)
    alone = [detector.detect(image, score_threshold=0.06, max_boxes=300) for image in images]

    together = look(detector, images)

    assert_same(together, alone, images)


def test_letterboxed_images_go_to_the_network_together(
    network: Network, images: list[NDArray[np.uint8]]
) -> None:
    narrow = Narrow(network, lambda: 99)

    look(Detector(tiny_network.SPEC, narrow, "0" * 64), images)

    assert narrow.tried == [7]


def test_no_image_is_no_work(network: Network) -> None:
    narrow = Narrow(network, lambda: 99)

    assert look(Detector(tiny_network.SPEC, narrow, "0" * 64), []) == []
    assert narrow.tried == []


def test_without_memory_half_as_many_go_on_and_later_ones_begin_there(
    network: Network, images: list[NDArray[np.uint8]]
) -> None:
    narrow = Narrow(network, lambda: 2)
    detector = Detector(tiny_network.SPEC, narrow, "0" * 64)
    wanted = look(Detector(tiny_network.SPEC, network, "0" * 64), images)

    found = look(detector, images)

    assert narrow.tried == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    assert_same(found, wanted, images)
    narrow.tried.clear()
    look(detector, images[:2])
    assert narrow.tried == [1, 1]


def test_memory_that_is_short_amid_the_images_loses_none(
    network: Network, images: list[NDArray[np.uint8]]
) -> None:
    room = iter([3, 4, 4, 1, 2, 2, 2])
    narrow = Narrow(network, lambda: next(room))
    wanted = look(Detector(tiny_network.SPEC, network, "0" * 64), images)

    found = look(Detector(tiny_network.SPEC, narrow, "0" * 64), images)

    assert narrow.tried == [7, 3, 3, 1]
    assert_same(found, wanted, images)


def test_without_memory_for_one_image_there_is_an_error(
    network: Network, images: list[NDArray[np.uint8]]
) -> None:
    narrow = Narrow(network, lambda: 0)

    with pytest.raises(OutOfMemory):
        look(Detector(tiny_network.SPEC, narrow, "0" * 64), images)

    assert narrow.tried == [7, 3, 1]


def test_each_image_has_its_share_of_the_networks_time(
    network: Network, images: list[NDArray[np.uint8]]
) -> None:
    found = look(Detector(tiny_network.SPEC, network, "0" * 64), images)

    assert len({each.network_seconds for each in found}) == 1
    assert found[0].network_seconds > 0


def test_nan_in_one_answer_is_no_result_for_any(images: list[NDArray[np.uint8]]) -> None:
    broken = tiny_network.build()
    layer = broken.model.get_layer("pyramid_classification")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias * np.nan])

    with pytest.raises(NotFinite):
        look(Detector(tiny_network.SPEC, broken, "0" * 64), images)
