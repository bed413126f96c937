"""Changing how an image looks, not where things are: beyond the published recipe."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.letterbox import Frame
from models.training.recipe import Recipe

WHITE = 255


def changes(recipe: Recipe) -> bool:
    """Whether the recipe changes the grey values at all."""
    return any((recipe.brightness, recipe.contrast, recipe.gamma, recipe.noise, recipe.blur))


def changed(
    pixels: NDArray[np.uint8], frame: Frame, recipe: Recipe, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Change the grey values inside the frame; the padding stays black, as it always is.

    Gamma, contrast (a factor, so that black stays black), brightness, blur and noise, each
    drawn from its range, in this order.
    """
    found = pixels.astype(np.float32)
    top, left = frame.top, frame.left
    rows, columns = int(frame.height), int(frame.width)
    inside = found[top : top + rows, left : left + columns] / np.float32(WHITE)
    gamma = float(np.exp(generator.uniform(-recipe.gamma, recipe.gamma)))
    contrast = float(np.exp(generator.uniform(-recipe.contrast, recipe.contrast)))
    brightness = float(generator.uniform(-recipe.brightness, recipe.brightness))
    blur = float(generator.uniform(0, recipe.blur))
    noise = float(generator.uniform(0, recipe.noise))
    if recipe.gamma:
        inside = np.power(inside, np.float32(gamma))
    inside = inside * np.float32(contrast) + np.float32(brightness)
    if blur > 0:
        inside = cv2.GaussianBlur(inside, (0, 0), blur).astype(np.float32, copy=False)
    if noise > 0:
        # One noise for all channels: the images are grey.
        grain = generator.standard_normal(inside.shape[:2], np.float32) * np.float32(noise)
        inside = inside + (grain if inside.ndim == 2 else grain[:, :, None])
    found[top : top + rows, left : left + columns] = np.clip(inside, 0, 1) * np.float32(WHITE)
    return found
