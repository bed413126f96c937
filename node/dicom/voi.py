"""From stored values to grey, as functions of the value alone.

Modality LUT (PS3.3 C.11.1) and VOI LUT (C.11.2) map single values, so both are worked
out once for each possible stored value, not once for each pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from node.dicom import header as read

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

PERCENTILES: Final = (1.0, 99.5)
"""Of the breast's pixels; black and white of an image without a window."""

AIR_SHARE: Final = 0.05
"""Share of the pixels that must lie at one dark level to call that level air."""
_BINS: Final = 64


class LookupTable(NamedTuple):
    """An item of a Modality or VOI LUT Sequence; ``data`` in steps of one from ``first``."""

    first: int
    bits: int
    data: NDArray[np.float64]

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Look up; values below the first and above the last take those (C.11.1.1.1)."""
        index = np.clip(np.rint(values) - self.first, 0, len(self.data) - 1)
        found: NDArray[np.float64] = self.data[index.astype(np.intp)]
        return found


class Window(NamedTuple):
    """One window; ``function`` is LINEAR, LINEAR_EXACT or SIGMOID (C.11.2.1.3)."""

    center: float
    width: float
    function: str

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map modality values to 0..1."""
        with np.errstate(over="ignore"):  # infinity, far from the centre, is black or white
            return self._map(values)

    def _map(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.function == "SIGMOID":
            return 1.0 / (1.0 + np.exp(-4.0 * (values - self.center) / self.width))
        if self.function == "LINEAR_EXACT":
            return np.clip((values - self.center) / self.width + 0.5, 0.0, 1.0)
        if self.width == 1:
            return (values > self.center - 0.5).astype(np.float64)
        ramp = (values - (self.center - 0.5)) / (self.width - 1) + 0.5
        return np.clip(ramp, 0.0, 1.0)


def modality_values(
    dataset: Dataset, stored: NDArray[np.float64], *, signed: bool
) -> NDArray[np.float64]:
    """Apply the Modality LUT: a table when there is one, else slope and intercept."""
    table = modality_table(dataset, signed=signed)
    if table is not None:
        return table(stored)
    slope = read.number(dataset, "RescaleSlope")
    intercept = read.number(dataset, "RescaleIntercept")
    return stored * (1.0 if slope is None else slope) + (intercept or 0.0)


def modality_table(dataset: Dataset, *, signed: bool) -> LookupTable | None:
    """Give the table of the Modality LUT, if it has one that can be used."""
    for item in read.items(dataset, "ModalityLUTSequence")[:1]:
        return _lookup_table(item, signed=signed)
    return None


def window_of(dataset: Dataset) -> Window | None:
    """Choose a window: the one explained as NORMAL, else the first that can be used."""
    centers = read.numbers(dataset, "WindowCenter")
    widths = read.numbers(dataset, "WindowWidth")
    explained = read.texts(dataset, "WindowCenterWidthExplanation")
    function = read.text(dataset, "VOILUTFunction")
    if function not in ("LINEAR_EXACT", "SIGMOID"):
        function = "LINEAR"
    # C.11.2.1.2: Window Width is at least 1 for LINEAR, above 0 for the others.
    least = 1.0 if function == "LINEAR" else np.finfo(np.float64).tiny
    windows = [
        (index, Window(center, width, function))
        for index, (center, width) in enumerate(zip(centers, widths, strict=False))
        if width >= least
    ]
    for index, window in windows:
        if index < len(explained) and explained[index].upper() == "NORMAL":
            return window
    return windows[0][1] if windows else None


def voi_table(dataset: Dataset, *, signed: bool) -> LookupTable | None:
    """Choose the first VOI LUT that can be used."""
    tables = (_lookup_table(item, signed=signed) for item in read.items(dataset, "VOILUTSequence"))
    return next((table for table in tables if table is not None), None)


def _lookup_table(item: Dataset, *, signed: bool) -> LookupTable | None:
    descriptor = read.shorts(item, "LUTDescriptor")
    if len(descriptor) != 3:
        return None
    entries = descriptor[0] or 0x10000
    first = read.shorts(item, "LUTDescriptor", signed=signed)[1]
    bits = descriptor[2]
    data = read.words(item, "LUTData", entries)
    if not 8 <= bits <= 16 or len(data) != entries:
        return None
    return LookupTable(first, bits, np.asarray(data, np.float64))


def percentile_window(
    values: NDArray[np.float64], counts: NDArray[np.int64], *, dark_is_high: bool
) -> Window:
    """Make a window from the breast's pixels, for an image that brings none.

    Parameters
    ----------
    values : NDArray[np.float64]
        Modality values, one for each possible stored value.
    counts : NDArray[np.int64]
        Pixels at each; 0 where the value means padding.
    dark_is_high : bool
        Whether air has the high values (MONOCHROME1).
    """
    present = (counts > 0) & np.isfinite(values)
    if not present.any():
        return Window(0.0, 1.0, "LINEAR_EXACT")
    brightness = -values[present] if dark_is_high else values[present]
    order = np.argsort(brightness, kind="stable")
    brightness, pixels = brightness[order], counts[present][order]
    breast = brightness > _air_level(brightness, pixels)
    if breast.any():
        brightness, pixels = brightness[breast], pixels[breast]
    share = np.cumsum(pixels) / pixels.sum()
    low, high = (brightness[np.searchsorted(share, part / 100.0)] for part in PERCENTILES)
    center = (low + high) / 2.0
    width = max(float(high - low), np.finfo(np.float64).tiny)
    return Window(float(-center if dark_is_high else center), width, "LINEAR_EXACT")


def _air_level(brightness: NDArray[np.float64], pixels: NDArray[np.int64]) -> float:
    """Upper edge of the darkest peak in the dark half, or minus infinity without one."""
    if brightness[0] == brightness[-1]:
        return float("-inf")
    heights, edges = np.histogram(brightness, bins=_BINS, weights=pixels)
    dark = heights[: _BINS // 2]
    peak = int(np.argmax(dark))
    if dark[peak] < AIR_SHARE * pixels.sum():
        return float("-inf")
    return float(edges[peak + 1])
