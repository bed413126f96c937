"""One stored image as 8-bit grey, the picture that the detector and the overlays share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from node.dicom import header as read
from node.dicom.decoders import Layout, decode
from node.dicom.voi import modality_values, percentile_window, voi_table, window_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from pydicom import Dataset

WHITE: Final = 255
_CHUNK_PIXELS: Final = 1 << 18
"""Pixels that are looked up at once; bounds the temporary index array to 2 MiB."""


def to_grey(dataset: Dataset) -> NDArray[np.uint8]:
    """Render an image as a display would: 0 = air, bright = dense.

    Modality LUT, then the VOI window or LUT (``node.dicom.voi``), then one inversion for
    MONOCHROME1. Presentation LUT Shape is not read: where it contradicts the Photometric
    Interpretation, the latter counts. Pixel padding becomes 0. Colour images become
    their luminance.

    Parameters
    ----------
    dataset : Dataset
        A single-frame image with Pixel Data and file meta; not changed.

    Returns
    -------
    NDArray[np.uint8]
        (rows, columns), writeable, in the orientation of the stored pixels.

    Raises
    ------
    UnreadablePixels
        The Pixel Data is absent, damaged, or not what the header says.
    """
    layout = Layout.of(dataset)
    containers = decode(dataset, layout)
    if layout.samples == 3:
        table = _scaled(_stored_values(layout) / (2**layout.bits_stored - 1))
    else:
        # A slope such as 1e308 is legal to write: what it overflows to is drawn black.
        with np.errstate(over="ignore", invalid="ignore"):
            table = _grey_table(dataset, layout, containers)
    grey = np.empty(containers.shape, np.uint8)
    for start, rows in _row_chunks(containers):
        # mode="clip" writes straight into ``out``; no index can lie outside the table.
        np.take(table, rows, out=grey[start : start + len(rows)], mode="clip")
    return grey


def _grey_table(dataset: Dataset, layout: Layout, containers: NDArray[Any]) -> NDArray[np.uint8]:
    """Work out the grey of each possible container value."""
    stored = _stored_values(layout)
    values = modality_values(dataset, stored, signed=layout.signed)
    padding = _padding(dataset, layout, stored)
    inverted = layout.photometric == "MONOCHROME1"
    window = window_of(dataset)
    table = None if window else voi_table(dataset, signed=bool((values < 0).any()))
    if window is not None:
        grey = window(values)
    elif table is not None:
        grey = table(values) / (2**table.bits - 1)
    else:
        counts = np.where(padding, 0, _histogram(containers, len(stored)))
        grey = percentile_window(values, counts, dark_is_high=inverted)(values)
    if inverted:
        # MONOCHROME1 is inverted here, once: after this line bright means dense everywhere.
        grey = 1.0 - grey
    return _scaled(np.where(padding, 0.0, grey))


def _stored_values(layout: Layout) -> NDArray[np.float64]:
    """Give the stored value in each container: unused bits off, sign extended."""
    containers = np.arange(1 << layout.bits_allocated, dtype=np.int64)
    stored = (containers >> layout.shift) & ((1 << layout.bits_stored) - 1)
    if layout.signed:
        sign = 1 << (layout.bits_stored - 1)
        stored = (stored ^ sign) - sign
    return stored.astype(np.float64)


def _padding(dataset: Dataset, layout: Layout, stored: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which stored values are padding (PS3.3 C.7.5.1.1.2)."""
    first = read.shorts(dataset, "PixelPaddingValue", signed=layout.signed)
    if not first:
        return np.zeros(stored.shape, np.bool_)
    last = read.shorts(dataset, "PixelPaddingRangeLimit", signed=layout.signed) or first
    low, high = sorted((first[0], last[0]))
    return (stored >= low) & (stored <= high)


def _histogram(containers: NDArray[Any], size: int) -> NDArray[np.int64]:
    counts = np.zeros(size, np.int64)
    for _, rows in _row_chunks(containers):
        counts += np.bincount(rows.ravel(), minlength=size)
    return counts


def _row_chunks(containers: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    rows, columns = containers.shape
    step = max(1, _CHUNK_PIXELS // columns)
    for start in range(0, rows, step):
        yield start, containers[start : start + step]


def _scaled(grey: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint(np.clip(np.nan_to_num(grey), 0.0, 1.0) * WHITE).astype(np.uint8)
