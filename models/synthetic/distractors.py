"""What must not be called: nodes, markers, labels, scratches, dust, edges of the film."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.synthetic.anatomy import SHIFT, blurred_share, curve, stroke
from models.synthetic.outline import Breast, Field
from models.synthetic.texture import smoothstep

FONTS: Final = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
)
LETTERS: Final = "ABCDEFGHJKLMNPRSTW"


def lymph_node(breast: Breast, rng: np.random.Generator) -> Field:
    """Draw a small smooth oval with a fatty hilum high in an oblique view."""
    rows, columns = breast.depth.shape
    y0 = rows * rng.uniform(0.03, 0.30)
    skin = float(breast.skin[int(y0)])
    x0 = skin * rng.uniform(0.15, 0.75)
    length = rng.uniform(5, 14) / breast.pixel_mm
    turn = rng.uniform(0, np.pi)
    x = np.arange(columns, dtype=np.float32)[None, :] - np.float32(x0)
    y = np.arange(rows, dtype=np.float32)[:, None] - np.float32(y0)
    u = (x * np.cos(turn) + y * np.sin(turn)) / np.float32(length / 2)
    v = (y * np.cos(turn) - x * np.sin(turn)) / np.float32(length / 2 * rng.uniform(0.5, 0.8))
    body = smoothstep((1 - np.hypot(u, v)).astype(np.float32) / np.float32(0.25))
    hilum = np.exp(-((u - rng.uniform(-0.2, 0.2)) ** 2 + (v - 0.35) ** 2) / 0.12)
    node = body * (1 - rng.uniform(0.4, 1.0) * hilum)
    return np.asarray(rng.uniform(0.25, 0.8) * node, np.float32)


def skin_fold(breast: Breast, rng: np.random.Generator) -> Field:
    """Draw one or two long soft lines, bright with a dark neighbour."""
    canvas = np.zeros(breast.depth.shape, np.uint8)
    rows = breast.depth.shape[0]
    for _ in range(rng.integers(1, 3)):
        start = (rng.uniform(0, 0.5) * breast.reach, rows * rng.choice((0.1, 0.85)))
        path = curve(
            rng, start, rng.uniform(-0.7, 0.7), rng.uniform(20, 70) / breast.pixel_mm, bend=0.4
        )
        stroke(canvas, path, 255 * rng.uniform(0.2, 0.6), rng.uniform(0.8, 2.5) / breast.pixel_mm)
    line = blurred_share(canvas, 1.5)
    return line - np.float32(0.5) * np.roll(line, (int(rng.choice((-4, 4))), 2), (0, 1))


def skin_markers(
    image: Field, breast_mask: NDArray[np.bool_], rng: np.random.Generator, pixel_mm: float
) -> None:
    """Put metal on the skin, in place: a pellet, a wire along a scar, a ring about a mole."""
    ys, xs = np.nonzero(breast_mask[::8, ::8])
    if len(xs) == 0:
        return
    canvas = np.zeros(image.shape, np.uint8)
    for _ in range(rng.integers(1, 3)):
        pick = rng.integers(len(xs))
        x, y = float(xs[pick] * 8), float(ys[pick] * 8)
        what = rng.random()
        if what < 0.45:
            _disc(canvas, x, y, rng.uniform(0.6, 1.3) / pixel_mm, 255, -1)
        elif what < 0.7:
            path = curve(rng, (x, y), rng.uniform(0, 7), rng.uniform(15, 60) / pixel_mm, bend=0.5)
            stroke(canvas, path, 255, rng.uniform(0.5, 1.0) / pixel_mm)
        else:
            _disc(canvas, x, y, rng.uniform(3, 8) / pixel_mm, 235, max(1, round(0.6 / pixel_mm)))
    _paint(image, blurred_share(canvas, 0.5), rng.uniform(220, 255))


def labels(
    image: Field, side: str, view: str, rng: np.random.Generator, *, film: bool, chest_left: bool
) -> None:
    """Write lead letters, plates and burned-in text beside the breast, in place."""
    rows, columns = image.shape
    canvas = np.zeros(image.shape, np.uint8)
    text = str(rng.choice((f"{side}{view}", f"{side} {view}", f"{side}-{view}", side)))
    size = rng.uniform(0.5, 1.6) * rows / 900
    x = columns * (rng.uniform(0.55, 0.88) if chest_left else rng.uniform(0.02, 0.30))
    y = rows * (rng.uniform(0.04, 0.2) if rng.random() < 0.8 else rng.uniform(0.8, 0.96))
    _text(canvas, text, x, y, size, rng, turn=rng.uniform(-90, 90) if film else 0.0)
    if rng.random() < 0.5:
        initials = "".join(rng.choice(list(LETTERS), rng.integers(2, 4)))
        _text(canvas, initials, x, y + 50 * size, size * 0.7, rng)
    if rng.random() < 0.3:
        number = "".join(str(n) for n in rng.integers(0, 10, 8))
        lines = (
            f"{number}",
            "MAMMOGRAPHY",
            f"{rng.integers(24, 34)} kV {rng.integers(20, 200)} mAs",
        )
        for line, words in enumerate(lines):
            _text(
                canvas,
                words,
                columns * (0.5 if chest_left else 0.02),
                rows * 0.9 + 16 * line,
                0.4 * rows / 900,
                rng,
            )
    level = rng.uniform(140, 255)
    _paint(image, blurred_share(canvas, rng.uniform(0.4, 1.0)), level)
    if rng.random() < 0.2:
        _plate(image, rng, chest_left=chest_left)


def _plate(image: Field, rng: np.random.Generator, *, chest_left: bool) -> None:
    rows, columns = image.shape
    high, wide = int(rows * rng.uniform(0.04, 0.10)), int(columns * rng.uniform(0.12, 0.28))
    x = columns - wide - 4 if chest_left else 4
    y = int(rows * rng.choice((rng.uniform(0.01, 0.1), rng.uniform(0.82, 0.88))))
    plate = np.full((high, wide), 0, np.uint8)
    for line in range(3):
        words = "".join(rng.choice(list(LETTERS + "0123456789 "), 14))
        cv2.putText(plate, words, (3, 12 + 14 * line), FONTS[0], 0.35, 255, 1, cv2.LINE_AA)
    paper, ink = rng.uniform(170, 250), rng.uniform(0, 90)
    share = plate.astype(np.float32) / 255
    image[y : y + high, x : x + wide] = (1 - share) * paper + share * ink


def _text(
    canvas: NDArray[np.uint8],
    text: str,
    x: float,
    y: float,
    size: float,
    rng: np.random.Generator,
    *,
    turn: float = 0.0,
) -> None:
    font = FONTS[int(rng.integers(len(FONTS)))]
    thick = int(rng.integers(1, 1 + max(1, round(3 * size))))
    (wide, high), _ = cv2.getTextSize(text, font, size, thick)
    side = int(np.hypot(wide, high)) + 8
    small = np.zeros((side, side), np.uint8)
    cv2.putText(
        small, text, ((side - wide) // 2, (side + high) // 2), font, size, 255, thick, cv2.LINE_AA
    )
    if abs(turn) > 1:
        spin = cv2.getRotationMatrix2D((side / 2, side / 2), turn, 1.0)
        small = np.asarray(cv2.warpAffine(small, spin, (side, side)), np.uint8)
    left, top = int(x), int(y) - side // 2
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(canvas.shape[1], left + side), min(canvas.shape[0], top + side)
    if x0 < x1 and y0 < y1:
        part = small[y0 - top : y1 - top, x0 - left : x1 - left]
        canvas[y0:y1, x0:x1] = np.maximum(canvas[y0:y1, x0:x1], part)


def film_damage(image: Field, rng: np.random.Generator) -> None:
    """Add scratches, dust and roller marks in place."""
    rows, columns = image.shape
    light = np.zeros(image.shape, np.uint8)
    dark = np.zeros(image.shape, np.uint8)
    for _ in range(rng.poisson(1.5)):
        canvas = light if rng.random() < 0.7 else dark
        start = (rng.uniform(0, columns), rng.uniform(0, rows))
        heading = rng.choice((0.0, np.pi / 2)) + rng.normal(0, 0.3)
        path = curve(rng, start, heading, rng.uniform(0.02, 0.3) * rows, bend=0.15)
        stroke(canvas, path, rng.uniform(30, 180), rng.uniform(0.4, 1.2))
    for _ in range(rng.poisson(6)):
        canvas = light if rng.random() < 0.75 else dark
        x, y = rng.uniform(0, columns), rng.uniform(0, rows)
        if rng.random() < 0.75:
            _disc(canvas, x, y, rng.uniform(0.3, 1.3), int(rng.uniform(60, 255)), -1)
        else:
            path = curve(rng, (x, y), rng.uniform(0, 7), rng.uniform(4, 18), bend=2.0)
            stroke(canvas, path, rng.uniform(60, 220), 0.8)
    image += cv2.GaussianBlur(light, (0, 0), 0.5).astype(np.float32) * rng.uniform(0.3, 1.0)
    image -= cv2.GaussianBlur(dark, (0, 0), 0.5).astype(np.float32) * rng.uniform(0.2, 0.6)


def film_edges(image: Field, rng: np.random.Generator) -> None:
    """Add white or black bands, rounded corners and tape at the film's edges, in place."""
    rows, columns = image.shape
    value = 255.0 if rng.random() < 0.6 else 0.0
    frame = np.zeros(image.shape, np.uint8)
    sides = [int(rng.integers(0, 14)) * int(rng.random() < 0.55) for _ in range(4)]
    tilt = rng.integers(-4, 5, 8)
    corners = np.array(
        [
            (sides[0] + tilt[0], sides[1] + tilt[1]),
            (columns - sides[2] + tilt[2], sides[1] + tilt[3]),
            (columns - sides[2] + tilt[4], rows - sides[3] + tilt[5]),
            (sides[0] + tilt[6], rows - sides[3] + tilt[7]),
        ]
    )
    cv2.fillPoly(frame, [corners.astype(np.int32)], 255, cv2.LINE_AA)
    if rng.random() < 0.5:
        radius = int(rng.integers(5, 16))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        frame[...] = cv2.morphologyEx(frame, cv2.MORPH_OPEN, kernel, borderValue=0)
    share = blurred_share(frame, 0.8)
    image *= share
    image += (1 - share) * value
    if rng.random() < 0.15:
        wide, high = int(rng.integers(30, 120)), int(rng.integers(8, 30))
        x, y = int(rng.integers(0, columns - wide)), int(rng.choice((0, rows - high)))
        image[y : y + high, x : x + wide] = rng.uniform(120, 250)


def _disc(
    canvas: NDArray[np.uint8], x: float, y: float, radius: float, level: int, thick: int
) -> None:
    one = 1 << SHIFT
    cv2.circle(
        canvas,
        (round(x * one), round(y * one)),
        max(round(radius * one), one // 2),
        level,
        thick,
        cv2.LINE_AA,
        SHIFT,
    )


def _paint(image: Field, share: Field, level: float) -> None:
    image *= 1 - share
    image += share * np.float32(level)
