"""An overlay against DCMTK's rendering of its source: nothing differs but boxes and plates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import FileDataset

from node.dicom.drawing import GREEN
from node.dicom.findings import Finding
from node.dicom.geometry import Box
from node.dicom.overlay import build_overlay
from node.dicom.pixels import to_grey
from tests.contract.test_rendering import FIRST_LUT, FIRST_WINDOW, dcm2pnm, voi_lut_of_12_bits
from tests.factories import make_mammogram
from tests.overlays import with_long_side
from tests.results import make_study, written

pytestmark = pytest.mark.dcmtk

ROWS, COLUMNS = 1324, 1028
BOX = Box(300, 480, 520, 660)  # even edges, so that half the size has them whole too
PLATE = 60
"""Rows above the box for its label, and at the top or the bottom for the footer."""

GREY_LEVELS = {1: 1.0, 2: 1.5}
"""By how much correct pictures differ: by rounding, and in the mean of four once more."""

SOURCES: dict[str, tuple[Callable[[], FileDataset], list[str]]] = {
    "LINEAR": (
        lambda: make_mammogram(
            rows=ROWS, columns=COLUMNS, WindowCenter="1700.5", WindowWidth="2100"
        ),
        FIRST_WINDOW,
    ),
    "MONOCHROME1": (
        lambda: make_mammogram(
            rows=ROWS,
            columns=COLUMNS,
            photometric="MONOCHROME1",
            WindowCenter="2300",
            WindowWidth="3100",
        ),
        FIRST_WINDOW,
    ),
    "two windows": (
        lambda: make_mammogram(
            rows=ROWS,
            columns=COLUMNS,
            WindowCenter=["1800", "900"],
            WindowWidth=["2400", "300"],
            WindowCenterWidthExplanation=["NORMAL", "HARDER"],
        ),
        FIRST_WINDOW,
    ),
    "SIGMOID": (
        lambda: make_mammogram(
            rows=ROWS,
            columns=COLUMNS,
            WindowCenter="2000",
            WindowWidth="1500",
            VOILUTFunction="SIGMOID",
        ),
        FIRST_WINDOW,
    ),
    "VOI LUT": (lambda: voi_lut_of_12_bits(rows=ROWS, columns=COLUMNS), FIRST_LUT),
    "VOI LUT of MONOCHROME1": (
        lambda: voi_lut_of_12_bits(rows=ROWS, columns=COLUMNS, photometric="MONOCHROME1"),
        FIRST_LUT,
    ),
}


def overlay_of(source: FileDataset, factor: int) -> NDArray[np.int64]:
    """The pixels of an overlay, reduced by a whole factor."""
    study = make_study([source], findings={0: (Finding(BOX, 0.9, 1),)})
    sized = with_long_side(study, ROWS // factor)
    overlay = written(build_overlay(sized, study.images[0], to_grey(source)))
    return np.asarray(overlay.pixel_array, np.int64)


def reduced(picture: NDArray[np.int64], factor: int) -> NDArray[np.float64]:
    """The mean of each square of pixels."""
    rows, columns = picture.shape
    squares = picture.reshape(rows // factor, factor, columns // factor, factor)
    return np.asarray(squares.mean(axis=(1, 3)))


def drawn_over(rows: int, columns: int, factor: int) -> NDArray[np.bool_]:
    """Where something may be drawn: the frame, a strip above it, and the footer's strips."""
    x0, y0, x1, y1 = (int(edge) // factor for edge in BOX)
    mask = np.zeros((rows, columns), np.bool_)
    mask[y0:y1, x0:x1] = True
    mask[y0 + 5 : y1 - 5, x0 + 5 : x1 - 5] = False
    mask[y0 - PLATE : y0, x0:x1] = True
    mask[:PLATE] = True
    mask[-PLATE:] = True
    return mask


@pytest.mark.parametrize("factor", GREY_LEVELS)
@pytest.mark.parametrize("name", SOURCES)
def test_outside_boxes_and_plates_an_overlay_is_dcmtks_picture(
    name: str, factor: int, tmp_path: Path
) -> None:
    make, options = SOURCES[name]
    expected = reduced(dcm2pnm(make(), tmp_path, *options), factor)

    overlay = overlay_of(make(), factor)

    assert overlay.shape == (*expected.shape, 3)
    assert len(np.unique(expected)) > 100, "a flat picture compares nothing"
    mask = drawn_over(*expected.shape, factor)
    assert mask.mean() < 0.25
    difference = np.abs(overlay - expected[:, :, np.newaxis])
    assert difference[~mask].max() <= GREY_LEVELS[factor]


@pytest.mark.parametrize("factor", GREY_LEVELS)
def test_where_something_may_be_drawn_it_is(factor: int, tmp_path: Path) -> None:
    """The frame is green on its outer pixels; label and footer differ from the picture."""
    make, options = SOURCES["LINEAR"]
    expected = reduced(dcm2pnm(make(), tmp_path, *options), factor)

    overlay = overlay_of(make(), factor)

    x0, y0, x1, y1 = (int(edge) // factor for edge in BOX)
    for side in (overlay[y0, x0:x1], overlay[y1 - 1, x0:x1], overlay[y0:y1, x0]):
        assert (side == GREEN).all()
    changed = np.abs(overlay - expected[:, :, np.newaxis]).max(axis=2) > GREY_LEVELS[factor]
    assert changed[y0 - PLATE : y0, x0:x1].sum() > 100
    assert (changed[:PLATE].sum() > 100) or (changed[-PLATE:].sum() > 100)


def test_a_wrong_window_would_be_seen(tmp_path: Path) -> None:
    make, options = SOURCES["LINEAR"]
    expected = reduced(dcm2pnm(make(), tmp_path, *options), 1)
    other = make_mammogram(rows=ROWS, columns=COLUMNS, WindowCenter="1800", WindowWidth="2100")

    difference = np.abs(overlay_of(other, 1) - expected[:, :, np.newaxis])

    assert difference[~drawn_over(ROWS, COLUMNS, 1)].max() > GREY_LEVELS[1]
