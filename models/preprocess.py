"""From an 8-bit image to the network's input."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.letterbox import SMALLEST, Frame, letterbox, script_scale
from models.spec import ModelSpec, Resize


class Prepared(NamedTuple):
    """The network's input, (height, width, 3), and where the image lies in it."""

    pixels: NDArray[np.float32]
    frame: Frame


def prepare(image: NDArray[np.uint8], spec: ModelSpec) -> Prepared:
    """Make the network's input from an image.

    Parameters
    ----------
    image : ndarray of uint8, (rows, columns) or (rows, columns, 3)
        Bright means dense; with three channels in the order red, green, blue.
    """
    if image.dtype != np.uint8:
        raise ValueError(f"the image must be uint8, not {image.dtype}")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"the image must be (rows, columns) or (rows, columns, 3): {image.shape}")
    if 0 in image.shape:
        raise ValueError(f"the image is empty: {image.shape}")
    if spec.resize == Resize.LETTERBOX:
        return _letterboxed(image, spec)
    return _like_the_script(image, spec)


def subtract_means(image: NDArray[np.uint8], spec: ModelSpec) -> NDArray[np.float32]:
    """Float32 with each channel's mean taken away, (rows, columns, 3).

    The published program gives red, green, blue pictures to a function written for
    blue, green, red: red loses the smallest mean. The weights were trained that way.
    """
    pixels = image.astype(np.float32)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    return pixels - np.asarray(spec.channel_means, np.float32)


def _letterboxed(image: NDArray[np.uint8], spec: ModelSpec) -> Prepared:
    rows, columns = image.shape[:2]
    frame = letterbox(rows, columns, spec.side)
    height, width = int(frame.height), int(frame.width)
    # Float before the resize: an 8-bit one would round every pixel to a whole grey level.
    # The means come after it, as scaling a constant changes nothing, and then a grey image
    # is scaled once and not three times.
    pixels = image.astype(np.float32)
    if (height, width) != (rows, columns):
        # The area average when shrinking: bilinear would look at 4 of the 17 pixels that
        # become one at 3328 rows, and lose microcalcifications by chance. When enlarging,
        # the area average is nearest neighbour (blocks), so bilinear.
        shrinks = max(rows, columns) > spec.side
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        pixels = cv2.resize(pixels, (width, height), interpolation=how).astype(np.float32)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    canvas = np.zeros((spec.side, spec.side, 3), np.float32)
    canvas[frame.top : frame.top + height, frame.left : frame.left + width] = pixels
    canvas -= np.asarray(spec.channel_means, np.float32)
    return Prepared(canvas, frame)


def _like_the_script(image: NDArray[np.uint8], spec: ModelSpec) -> Prepared:
    rows, columns = image.shape[:2]
    scale = script_scale(rows, columns, spec.side, spec.max_side)
    pixels = subtract_means(image, spec)
    height, width = round(rows * scale), round(columns * scale)
    if min(height, width) < SMALLEST:
        # The published program fails on such a sliver; OpenCV makes no empty image.
        height, width = max(SMALLEST, height), max(SMALLEST, width)
        sliver = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
        return Prepared(sliver.astype(np.float32), Frame(rows, columns, height, width))
    # By factor, not by size: the rounded size gives another sampling grid, and pixels
    # that differ by up to 67 grey levels.
    scaled = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    # The published program divides its boxes by the scale, not by the rounded sizes.
    frame = Frame(rows, columns, rows * scale, columns * scale)
    return Prepared(scaled.astype(np.float32, copy=False), frame)
