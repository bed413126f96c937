"""The network's geometry, derived by hand on sizes that 800x800 hides."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.detector import Detector
from models.errors import NotFinite, OutOfMemory
from models.network import Network
from tests import tiny_network

pytestmark = pytest.mark.tensorflow

SIZES = [(64, 96), (97, 131), (66, 131), (1, 33)]


@pytest.fixture(scope="module")
def network() -> Network:
    return tiny_network.build()


def picture(height: int, width: int) -> NDArray[np.float32]:
    """Every pixel of the first channel is another number, and none is negative."""
    pixels = np.zeros((height, width, 3), np.float32)
    pixels[:, :, 0] = np.arange(1, height * width + 1).reshape(height, width)
    return pixels


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_first_convolution_is_centred_on_every_second_pixel(height: int, width: int) -> None:
    """Three zeros on all sides; TensorFlow's "same" would shift an even size by one."""
    network = tiny_network.build()
    tiny_network.pass_through(network, "conv1", row=3, column=3)
    pixels = picture(height, width)

    (found,) = tiny_network.features(network, "conv1", pixels=pixels)

    np.testing.assert_array_equal(found[:, :, 0], pixels[::2, ::2, 0])


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        # Of 1 2 3 4 5 6: windows of three from every second, one pixel missing at the end.
        (6, [3, 5, 6]),
        # Of 1 ... 7: one pixel missing at the start and one at the end.
        (7, [2, 4, 6, 7]),
    ],
)
def test_the_pooling_lacks_a_pixel_at_the_end_or_at_both_ends(
    size: int, expected: list[int]
) -> None:
    network = tiny_network.build()
    tiny_network.pass_through(network, "conv1", row=3, column=3)
    pixels = np.zeros((1, 2 * size, 3), np.float32)
    pixels[0, ::2, 0] = np.arange(1, size + 1)

    (found,) = tiny_network.features(network, "pool1", pixels=pixels)

    assert found[0, :, 0].tolist() == expected


@pytest.mark.parametrize(("columns", "first"), [(64, 1), (65, 0), (96, 0), (128, 1)])
def test_p6_is_centred_on_odd_places_of_an_even_level(columns: int, first: int) -> None:
    """64, 65, 96 and 128 columns make 2, 3, 3 and 4 of C5."""
    network = tiny_network.build()
    tiny_network.pass_through(network, "P6", row=1, column=1)

    c5, p6 = tiny_network.features(network, "res5a_relu", "P6", pixels=picture(33, columns))

    # C5 has 2 rows: the convolution sees the second one.
    assert c5[1].any()
    np.testing.assert_allclose(p6[0, :, 0], c5[1, first::2, 0], rtol=1e-6)


def test_the_stride_of_a_block_takes_every_second_pixel() -> None:
    network = tiny_network.build()
    tiny_network.pass_through(network, "res3a_branch2a", row=0, column=0)

    before, after = tiny_network.features(
        network, "res2a_relu", "res3a_branch2a", pixels=picture(97, 131)
    )

    assert before[..., 0].any()
    np.testing.assert_allclose(after[..., 0], before[::2, ::2, 0], rtol=1e-6)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_an_enlarged_level_repeats_the_pixels_that_tensorflow_1_repeated(
    network: Network, height: int, width: int
) -> None:
    import tensorflow as tf

    coarse, enlarged, fine = tiny_network.features(
        network, "P4_merged", "P4_upsampled", "res3a_relu", pixels=picture(height, width)
    )

    expected = tf.raw_ops.ResizeNearestNeighbor(
        images=coarse[None], size=fine.shape[:2], half_pixel_centers=False
    )
    np.testing.assert_array_equal(enlarged, np.asarray(expected)[0])


def detector(network: Network) -> Detector:
    return Detector(tiny_network.SPEC, network, "0" * 64)


def test_a_network_that_answers_nan_stops_the_warm_up() -> None:
    network = tiny_network.build()
    kernel, bias = network.model.get_layer("pyramid_classification").get_weights()
    network.model.get_layer("pyramid_classification").set_weights([kernel, bias * np.nan])

    with pytest.raises(NotFinite):
        detector(network).warm_up()


def test_a_threshold_below_the_published_floor_is_refused(network: Network) -> None:
    with pytest.raises(ValueError, match=r"below 0\.05"):
        detector(network).detect(np.zeros((9, 9), np.uint8), score_threshold=0.01, max_boxes=1)


def test_running_out_of_memory_is_an_error_of_its_own() -> None:
    import tensorflow as tf

    class Full:
        def predict_on_batch(self, pixels: NDArray[np.float32]) -> None:
            raise tf.errors.ResourceExhaustedError(None, None, f"no room for {pixels.shape}")

    with pytest.raises(OutOfMemory, match=r"\(96, 96, 3\)"):
        detector(Network(Full(), (1,))).warm_up()


def test_a_compiled_network_sees_few_sizes_of_batches() -> None:
    """Each size of a batch is compiled anew, which takes a minute on a GPU."""

    class Compiled:
        jit_compile = True

        def __init__(self) -> None:
            self.sizes: list[int] = []

        def predict_on_batch(self, pixels: NDArray[np.float32]) -> list[NDArray[np.float32]]:
            self.sizes.append(len(pixels))
            first = pixels[:, :1, :1, 0]
            return [np.repeat(first, 4, axis=2), first]

    model = Compiled()
    batch = picture(5, 7)[None] * np.arange(1, 9, dtype=np.float32)[:, None, None, None]

    answers = [Network(model, (1,)).run(batch[:count]) for count in (1, 2, 3, 5, 8)]

    assert model.sizes == [1, 2, 4, 8, 8]
    assert [len(each) for each in answers] == [1, 2, 3, 5, 8]
    assert [float(each.classification[0, 0]) for each in answers[3]] == [1, 2, 3, 4, 5]
