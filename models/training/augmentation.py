"""Moving an image and its boxes at random: the published augmentation."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.recipe import Border, Recipe

Matrix = NDArray[np.float64]
"""(3, 3), from homogeneous edge coordinates (x, y, 1) of the image to those of the moved one."""

_BORDERS = {Border.REPLICATE: cv2.BORDER_REPLICATE, Border.BLACK: cv2.BORDER_CONSTANT}


@dataclass(frozen=True, slots=True)
class Affine:
    """One movement about the centre of the image.

    Parameters
    ----------
    rotation, shear : float
        Radians.
    translation : tuple of float
        Along x and y, share of the image's width and height.
    scaling : tuple of float
        Along x and y.
    flip_x, flip_y : bool
        Swap left and right, top and bottom.
    """

    rotation: float = 0.0
    translation: tuple[float, float] = (0.0, 0.0)
    shear: float = 0.0
    scaling: tuple[float, float] = (1.0, 1.0)
    flip_x: bool = False
    flip_y: bool = False

    def matrix(self, *, height: int, width: int) -> Matrix:
        """Make the matrix for an image of this size."""
        cos, sin = np.cos(self.rotation), np.sin(self.rotation)
        rotate = np.array([[cos, -sin], [sin, cos]])
        skew = np.array([[1, -np.sin(self.shear)], [0, np.cos(self.shear)]])
        scale = np.diag(self.scaling)
        flip = np.diag([-1.0 if self.flip_x else 1.0, -1.0 if self.flip_y else 1.0])
        turned = rotate @ skew @ scale @ flip
        # The published product has the translation after the rotation: it is turned with it.
        moved = rotate @ np.array(self.translation) * np.array([width, height])
        centre = np.array([0.5 * width, 0.5 * height])
        matrix: Matrix = np.eye(3)
        matrix[:2, :2] = turned
        matrix[:2, 2] = moved + centre - turned @ centre
        return matrix


def draw(recipe: Recipe, generator: np.random.Generator) -> Affine:
    """Draw a movement from the recipe's ranges."""

    def between(limit: float) -> float:
        return float(generator.uniform(-limit, limit))

    return Affine(
        rotation=between(recipe.rotation),
        translation=(between(recipe.translation), between(recipe.translation)),
        shear=between(recipe.shear),
        scaling=(1 + between(recipe.scaling), 1 + between(recipe.scaling)),
        flip_x=bool(generator.uniform() < recipe.flip_x),
        flip_y=bool(generator.uniform() < recipe.flip_y),
    )


def moved_boxes(matrix: Matrix, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the smallest upright boxes around the moved ones, (n, 4), not clipped."""
    x0, y0, x1, y1 = boxes.T
    corners = np.stack([np.stack([x0, x1, x0, x1]), np.stack([y0, y1, y1, y0])])
    # (2, 4 corners, n)
    moved = np.einsum("ij,jkn->ikn", matrix[:2, :2], corners) + matrix[:2, 2][:, None, None]
    return np.concatenate([moved.min(axis=1), moved.max(axis=1)]).T


def moved_image(
    image: NDArray[np.uint8] | NDArray[np.float32],
    matrix: Matrix,
    *,
    height: int,
    width: int,
    border: Border,
) -> NDArray[np.float32]:
    """Move an image, bilinear, into an output of ``height`` rows and ``width`` columns.

    Parameters
    ----------
    image : ndarray, (rows, columns) or (rows, columns, 3)
    """
    # OpenCV counts from pixel centres: without the half pixel a flip would also shift by one.
    half: Matrix = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    centres = np.linalg.inv(half) @ matrix @ half
    # Float first: in 8 bits every interpolated pixel would be rounded.
    moved = cv2.warpAffine(
        image.astype(np.float32),
        centres[:2],
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=_BORDERS[border],
        borderValue=(0, 0, 0),
    )
    return moved.astype(np.float32, copy=False)
