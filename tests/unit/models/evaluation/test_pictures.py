"""Small pictures show what they say they show."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from models.evaluation.pictures import Picture, detail, whole


def decoded(picture: Picture) -> NDArray[np.uint8]:
    head, _, data = picture.url.partition(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def bright_at(x0: int, y0: int, x1: int, y1: int) -> NDArray[np.uint8]:
    """Make an image of 1664 rows and 1280 columns, black but for this."""
    image = np.zeros((1664, 1280), np.uint8)
    image[y0:y1, x0:x1] = 255
    return image


def test_a_whole_image_is_made_small_without_changing_its_shape() -> None:
    shown = whole(bright_at(0, 0, 640, 832))

    assert (shown.x0, shown.y0, shown.x1, shown.y1) == (0, 0, 1280, 1664)
    pixels = decoded(shown)
    assert pixels.shape == (420, 323)
    assert pixels[:200, :150].min() > 240
    assert pixels[220:].max() < 15


def test_a_detail_is_a_square_around_its_box() -> None:
    """400 wide and high: 1.6 times that is 640, from 180 to 820 and from 380 to 1020."""
    shown = detail(bright_at(300, 500, 700, 900), (300, 500, 700, 900))

    assert (shown.x0, shown.y0, shown.x1, shown.y1) == (180, 380, 820, 1020)
    pixels = decoded(shown)
    assert pixels.shape == (420, 420)
    assert pixels[100:320, 100:320].min() > 240
    assert pixels[:60].max() < 15


def test_a_detail_ends_where_the_image_ends() -> None:
    shown = detail(bright_at(0, 0, 100, 100), (0.0, 0.0, 400.0, 400.0))

    assert (shown.x0, shown.y0, shown.x1, shown.y1) == (0, 0, 520, 520)


def test_the_detail_of_a_small_box_shows_its_surroundings() -> None:
    """12 % of 1664 is about 200."""
    shown = detail(bright_at(0, 0, 1, 1), (600, 800, 602, 803))

    assert 199 <= shown.width <= 201
    assert 199 <= shown.height <= 201


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)])
def test_an_image_of_one_pixel_width_is_shown_too(size: tuple[int, int]) -> None:
    image = np.full(size, 200, np.uint8)
    edge = (size[1] - 1, size[0] - 1, size[1], size[0])

    assert decoded(whole(image)).size > 0
    assert decoded(detail(image, edge)).size > 0


def test_colours_stay_what_they_are() -> None:
    red = np.zeros((90, 70, 3), np.uint8)
    red[..., 0] = 220

    pixel = decoded(whole(red))[200, 160]
    assert pixel[0] > 180
    assert pixel[2] < 60


def test_the_same_image_gives_the_same_bytes() -> None:
    assert whole(bright_at(3, 4, 500, 600)) == whole(bright_at(3, 4, 500, 600))
