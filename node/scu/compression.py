"""Compression of our pictures on the way out: without loss, and the file stays as it is.

A result is stored once, in Explicit VR Little Endian. What a destination prefers and
accepts is made of it as it is sent; the same file gives the same bytes each time.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import imagecodecs
import numpy as np
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEGLSLossless, RLELossless, SecondaryCaptureImageStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray
    from pydicom import Dataset

_NAMES: Final[Mapping[str, str]] = {
    "RLE": str(RLELossless),
    "JPEG-LS": str(JPEGLSLossless),
}
"""Transfer syntax of each name in ``config.profiles.Profile.transfer_syntaxes``."""

_RLE_SEGMENTS: Final = 15
"""PS3.5 G.5: the header holds so many offsets, used or not."""

_SOI: Final = b"\xff\xd8"
_SOF55: Final = b"\xff\xf7"
"""Start of image, and of a JPEG-LS frame (ISO/IEC 14495-1)."""


def preferred_syntaxes(sop_class_uid: str, names: Iterable[str]) -> tuple[str, ...]:
    """Give the transfer syntaxes to offer for objects of a class, the preferred first.

    Only pictures are worth it: a structured report has no pixels.
    """
    if sop_class_uid != SecondaryCaptureImageStorage:
        return ()
    return tuple(_NAMES[name] for name in names)


def compress(dataset: Dataset, syntax: str) -> Dataset:
    """Put the pixels of one of our pictures into ``syntax``, in place.

    Everything else stays, the SOP Instance UID too: nothing is lost, so it is the same
    image (PS3.3 C.7.6.1.1.5). Planar Configuration 0 holds for both (PS3.5 8.2).

    Raises
    ------
    ValueError
        The picture is not RGB of eight bits, colour by pixel.
    """
    form = (dataset.SamplesPerPixel, dataset.BitsAllocated, dataset.PlanarConfiguration)
    if form != (3, 8, 0):
        raise ValueError(f"instance {dataset.SOPInstanceUID} is no picture of ours")
    shape = (int(dataset.Rows), int(dataset.Columns), 3)
    count = shape[0] * shape[1] * shape[2]
    pixels = np.frombuffer(dataset.PixelData, np.uint8, count).reshape(shape)
    dataset.add_new("PixelData", "OB", encapsulate([_ENCODERS[syntax](pixels)]))
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    return dataset


def _rle(pixels: NDArray[np.uint8]) -> bytes:
    """Encode a frame (PS3.5 G): one segment for each colour, no run across two rows."""
    segments = []
    for colour in range(pixels.shape[2]):
        packed = imagecodecs.packbits_encode(pixels[:, :, colour].copy())
        segments.append(packed + b"\0" * (len(packed) % 2))
    offsets = [4 * (1 + _RLE_SEGMENTS)]
    for segment in segments[:-1]:
        offsets.append(offsets[-1] + len(segment))
    header = [len(segments), *offsets, *[0] * (_RLE_SEGMENTS - len(offsets))]
    return b"".join([struct.pack("<16L", *header), *segments])


def _jpeg_ls(pixels: NDArray[np.uint8]) -> bytes:
    """Encode a frame, without the SPIFF header that CharLS puts before it."""
    stream = bytes(imagecodecs.jpegls_encode(pixels))
    return stream[stream.index(_SOI + _SOF55) :]


_ENCODERS: Final[Mapping[str, Callable[[NDArray[np.uint8]], bytes]]] = {
    str(RLELossless): _rle,
    str(JPEGLSLossless): _jpeg_ls,
}
