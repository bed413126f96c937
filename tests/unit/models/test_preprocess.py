"""From the image to the network's input."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from models.preprocess import prepare, subtract_means
from models.spec import SPECS, Resize

LETTERBOX = SPECS["ueda2022"]
SCRIPT = replace(LETTERBOX, resize=Resize.PUBLISHED_SCRIPT)
MEANS = np.array([103.939, 116.779, 123.68], np.float32)


def ramp(rows: int, columns: int) -> np.ndarray:
    y, x = np.mgrid[0:rows, 0:columns]
    return ((3 * y + 7 * x) % 256).astype(np.uint8)


def test_red_loses_the_smallest_mean_and_nothing_is_divided() -> None:
    pixel = np.array([[[200, 100, 50]]], np.uint8)

    np.testing.assert_allclose(
        subtract_means(pixel, LETTERBOX)[0, 0], [96.061, -16.779, -73.68], rtol=1e-6
    )


def test_a_grey_image_becomes_three_equal_channels_before_the_means() -> None:
    found = subtract_means(ramp(5, 7), LETTERBOX) + MEANS

    np.testing.assert_allclose(found, np.repeat(ramp(5, 7)[:, :, None], 3, axis=2), atol=1e-4)


@pytest.mark.parametrize(("rows", "columns"), [(400, 331), (331, 400), (2294, 1914)])
def test_the_padding_is_black_and_the_image_lies_in_the_middle(rows: int, columns: int) -> None:
    pixels, frame = prepare(np.full((rows, columns), 255, np.uint8), LETTERBOX)

    grey = pixels + MEANS
    height, width = int(frame.height), int(frame.width)
    content = np.zeros((800, 800), bool)
    content[frame.top : frame.top + height, frame.left : frame.left + width] = True
    assert pixels.shape == (800, 800, 3)
    np.testing.assert_allclose(grey[content], 255, atol=1e-3)
    np.testing.assert_array_equal(pixels[~content], np.broadcast_to(-MEANS, ((~content).sum(), 3)))


def test_shrinking_takes_the_mean_of_the_whole_area() -> None:
    """1600 to 800: each pixel is the mean of four, without rounding to whole grey levels."""
    image = ramp(1600, 1200)

    pixels, frame = prepare(image, LETTERBOX)

    mean = image.reshape(800, 2, 600, 2).mean(axis=(1, 3))
    assert frame.left == 100
    np.testing.assert_allclose(pixels[:, 100:700, 0] + MEANS[0], mean, atol=1e-3)


def test_a_lonely_bright_pixel_survives_a_fourfold_shrinking() -> None:
    image = np.zeros((3200, 3200), np.uint8)
    image[1001, 2002] = 160

    pixels, _ = prepare(image, LETTERBOX)

    assert pixels[250, 500, 0] + MEANS[0] == pytest.approx(160 / 16, abs=1e-3)


def test_enlarging_makes_no_blocks() -> None:
    image = np.tile(np.array([[0], [255]], np.uint8), (100, 200))

    pixels, _ = prepare(image, LETTERBOX)

    assert len(np.unique(pixels[:, 0, 0])) > 2


def test_an_800x800_image_is_the_same_in_both_ways() -> None:
    image = ramp(800, 800)

    np.testing.assert_array_equal(prepare(image, LETTERBOX).pixels, prepare(image, SCRIPT).pixels)


def test_the_script_scales_by_factor_and_not_to_the_rounded_size() -> None:
    """Pitfall 1: 500x1200 becomes 555x1333, which is not exactly 1.11083 times as much."""
    image = ramp(500, 1200)

    pixels = prepare(image, SCRIPT).pixels

    source = subtract_means(image, SCRIPT)
    scale = 1333 / 1200
    by_factor = cv2.resize(source, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    to_size = cv2.resize(source, (1333, 555), interpolation=cv2.INTER_LINEAR)
    assert pixels.shape == (555, 1333, 3)
    np.testing.assert_array_equal(pixels, by_factor)
    assert np.abs(pixels - to_size).max() > 1


def test_a_sliver_that_the_script_would_scale_away_keeps_one_pixel() -> None:
    pixels, frame = prepare(np.full((5000, 1), 9, np.uint8), SCRIPT)

    assert pixels.shape == (1333, 1, 3)
    assert (frame.height, frame.width) == (1333, 1)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint16),
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((0, 4), np.uint8),
    ],
)
def test_what_is_no_8_bit_image_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="image"):
        prepare(image, LETTERBOX)
