"""Put lesions into images: made ones and real ones, of any size."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synthetic.lesions import Box, Kind, Lesion, draw_lesion
from models.synthetic.outline import Field

USUAL_HEIGHT_MM: Final = 240.0
"""Height of the smaller film format, 18 x 24 cm."""

HEIGHT: Final = {
    Kind.MASS: 0.62,
    Kind.CALCIFICATION: 0.75,
    Kind.DISTORTION: 0.45,
    Kind.ASYMMETRY: 0.50,
}
"""Usual height of a lesion, where 1 is the contrast of dense tissue with fat."""


class NoRoomError(ValueError):
    """The image shows no breast that is large enough for a lesion."""


def add_lesion(
    field: Field, lesion: Lesion, centre: tuple[int, int], height: float, limit: Field | None = None
) -> Box:
    """Add a lesion to a field in place, and draw the tissue to its centre.

    Parameters
    ----------
    centre : tuple of int
        Column and row of the patch's middle pixel.
    height : float
        Brightness of the lesion in the field's units.
    limit : ndarray of float32, (rows, columns), optional
        Share of the lesion that each pixel shows: 0 outside the breast.

    Returns
    -------
    Box
        The lesion's box in the field, cut to it.
    """
    rows, columns = field.shape
    side = len(lesion.add)
    left, top = centre[0] - side // 2, centre[1] - side // 2
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(columns, left + side), min(rows, top + side)
    if x0 >= x1 or y0 >= y1:
        raise NoRoomError(f"the centre {centre} lies outside the image")
    patch = field[y0:y1, x0:x1]
    if lesion.pinch > 0:
        patch[...] = _pinched(patch, lesion.pinch, centre[0] - x0, centre[1] - y0, lesion.box)
    add = lesion.add[y0 - top : y1 - top, x0 - left : x1 - left] * np.float32(height)
    patch += add if limit is None else add * limit[y0:y1, x0:x1]
    box = lesion.box
    return (
        float(max(0, box[0] + left)),
        float(max(0, box[1] + top)),
        float(min(columns, box[2] + left)),
        float(min(rows, box[3] + top)),
    )


def _pinched(patch: Field, strength: float, cx: float, cy: float, box: Box) -> Field:
    """Draw the tissue to a point, less and less toward the box's border."""
    rows, columns = patch.shape
    radius = np.float32(min(box[2] - box[0], box[3] - box[1]) / 2)
    x = np.arange(columns, dtype=np.float32)[None, :] - np.float32(cx)
    y = np.arange(rows, dtype=np.float32)[:, None] - np.float32(cy)
    rho = np.hypot(x, y) / radius
    more = 1 + np.float32(strength) * np.clip(1 - rho, 0, 1) * np.float32(1.5)
    drawn = cv2.remap(
        patch,
        (x * more + np.float32(cx)).astype(np.float32),
        (y * more + np.float32(cy)).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(drawn, np.float32)


def local_height(field: Field, lesion: Lesion, centre: tuple[int, int], unit: float) -> float:
    """Choose how bright a lesion must be to be seen, but no more than real ones are.

    Parameters
    ----------
    unit : float
        Contrast of dense tissue with fat, in the field's units.
    """
    reach = max(3, int(max(lesion.box[2] - lesion.box[0], lesion.box[3] - lesion.box[1]) * 0.6))
    x, y = centre
    around = field[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
    clutter = float(around[:: max(1, reach // 16), :: max(1, reach // 16)].std())
    if lesion.kind == Kind.CALCIFICATION:
        clutter *= 0.7
    height = unit * HEIGHT[lesion.kind] * 0.65 + 1.2 * clutter
    return lesion.contrast * min(height, 1.2 * unit)


def insert_lesion(
    image: NDArray[np.uint8],
    rng: np.random.Generator | int,
    *,
    pixel_mm: float | None = None,
    where: tuple[int, int] | None = None,
    kind: Kind | None = None,
) -> tuple[NDArray[np.uint8], Box]:
    """Put one synthetic lesion into a mammogram.

    Parameters
    ----------
    image : ndarray of uint8, (rows, columns)
        Bright means dense. Is not changed.
    rng : numpy.random.Generator or int
        An integer is a seed; the same one gives the same lesion.
    pixel_mm : float, optional
        Size of a pixel; without it the image is taken for one of 240 mm height.
    where : tuple of int, optional
        Column and row of the lesion's centre. Without it a place within the breast is
        chosen, away from the skin, the film's edges and the pectoral muscle.

    Returns
    -------
    tuple
        The new image and the lesion's box: x0, y0, x1, y1, edge coordinates.

    Raises
    ------
    NoRoomError
        No breast was found, or ``where`` lies outside the image.
    """
    if image.dtype != np.uint8 or image.ndim != 2:
        raise ValueError(f"the image must be uint8, (rows, columns): {image.dtype}, {image.shape}")
    rng = np.random.default_rng(rng)
    mm = USUAL_HEIGHT_MM / max(image.shape) if pixel_mm is None else pixel_mm
    if not mm > 0:
        raise ValueError(f"pixel_mm must be positive, not {mm}")
    lesion = draw_lesion(rng, mm, kind)
    radius = max(lesion.box[2] - lesion.box[0], lesion.box[3] - lesion.box[1]) / 2
    depth, scale = breast_depth(image)
    if where is None:
        where = _place(image, depth, scale, radius, rng, mm)
    elif not (0 <= where[0] < image.shape[1] and 0 <= where[1] < image.shape[0]):
        raise NoRoomError(f"the centre {where} lies outside the image")
    small = image[::8, ::8][cv2.resize(depth, image[::8, ::8].shape[::-1]) > 4]
    unit = float(np.subtract(*np.percentile(small, (92, 25)))) if small.size else 60.0
    unit = float(np.clip(unit, 35, 110))
    half = len(lesion.add) // 2 + 2
    y0, x0 = max(0, where[1] - half), max(0, where[0] - half)
    region = image[y0 : where[1] + half + 1, x0 : where[0] + half + 1]
    before = region.astype(np.float32)
    after = before.copy()
    at = (where[0] - x0, where[1] - y0)
    height = local_height(before, lesion, at, unit)
    inside = cv2.GaussianBlur((depth > 0).astype(np.float32), (0, 0), 2.0)
    limit = np.asarray(cv2.resize(inside, image.shape[::-1]), np.float32)
    limit = limit[y0 : y0 + len(region), x0 : x0 + region.shape[1]]
    box = add_lesion(after, lesion, at, height, limit)
    # The film's shoulder: bright tissue gains less than dark tissue.
    change = after - before
    room = np.clip((275 - before) / 140, 0.2, 1.0)
    result = image.copy()
    result[y0 : y0 + len(region), x0 : x0 + region.shape[1]] = np.clip(
        np.rint(before + np.where(change > 0, change * room, change)), 0, 255
    ).astype(np.uint8)
    return result, (box[0] + x0, box[1] + y0, box[2] + x0, box[3] + y0)


def breast_depth(image: NDArray[np.uint8]) -> tuple[Field, float]:
    """Find the breast: distance to its border in small pixels, and their size in large ones.

    The breast is the largest bright thing that is not a thin band at the film's edge.
    """
    scale = max(1.0, max(image.shape) / 400)
    size = (max(1, round(image.shape[1] / scale)), max(1, round(image.shape[0] / scale)))
    small = cv2.GaussianBlur(cv2.resize(image, size, interpolation=cv2.INTER_AREA), (0, 0), 1.5)
    level, _ = cv2.threshold(small, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    bright = (small > max(6.0, 0.55 * level)).astype(np.uint8)
    bright = np.asarray(
        cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8)), np.uint8
    )
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bright)
    if count < 2:
        return np.zeros(small.shape, np.float32), scale
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    mask = (labels == largest).astype(np.uint8)
    return cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_5).astype(np.float32), scale


def _place(
    image: NDArray[np.uint8],
    depth: Field,
    scale: float,
    radius: float,
    rng: np.random.Generator,
    mm: float,
) -> tuple[int, int]:
    rows, columns = depth.shape
    allowed = depth > max(0.75 * radius, 6 / mm) / scale
    edge = max(2, int(radius / scale * 0.9))
    allowed[:edge], allowed[rows - edge :] = False, False
    allowed[:, : max(1, edge // 2)], allowed[:, columns - max(1, edge // 2) :] = False, False
    ys, xs = np.nonzero(depth > 0)
    if len(xs) == 0:
        raise NoRoomError("no breast was found in the image")
    # The pectoral muscle fills the upper corner at the chest wall.
    chest_left = float((xs < columns / 2).mean()) > 0.5
    across = np.arange(columns)[None, :] if chest_left else (columns - 1 - np.arange(columns))[None]
    span, top, tall = float(np.ptp(xs)) + 1, float(ys.min()), float(np.ptp(ys)) + 1
    if top < 0.08 * rows:
        down = (np.arange(rows)[:, None] - top) / (0.6 * tall)
        from_wall = (across - (xs.min() if chest_left else columns - 1 - xs.max())) / (0.6 * span)
        allowed &= from_wall + down > 1
    ys, xs = np.nonzero(allowed)
    if len(xs) == 0:
        ys, xs = np.nonzero(depth >= 0.9 * depth.max())
    pick = int(rng.integers(len(xs)))
    x, y = int((xs[pick] + 0.5) * scale), int((ys[pick] + 0.5) * scale)
    return min(x, image.shape[1] - 1), min(y, image.shape[0] - 1)
