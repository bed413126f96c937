"""Stored sample values of one image, out of every transfer syntax that we accept.

One codec is named for each syntax, so a machine with more packages installed decodes
the same. All of them have licences that fit Apache-2.0: imagecodecs is BSD (of what it
holds, libjpeg-turbo, CharLS and OpenJPEG are used here), pylibjpeg-openjpeg is MIT.
libjpeg-turbo is the one that reads 12-bit JPEG Extended.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import imagecodecs
import numpy as np
import openjpeg.utils
from numpy.typing import NDArray
from pydicom import uid
from pydicom.encaps import generate_frames
from pydicom.uid import RLELossless

from node.dicom import header as read
from node.dicom.codestreams import describe
from node.dicom.plain_text import shown
from node.errors import UnreadablePixels

if TYPE_CHECKING:
    from pydicom import Dataset

Codec = Callable[..., NDArray[Any]]

# OpenJPH in imagecodecs is five times faster for HTJ2K, but hangs on damaged frames and
# swallows its errors; OpenJPEG refuses them.
CODECS: Final[dict[str, Codec]] = {
    uid.JPEGBaseline8Bit: imagecodecs.jpeg8_decode,
    uid.JPEGExtended12Bit: imagecodecs.jpeg8_decode,
    uid.JPEGLossless: imagecodecs.jpeg8_decode,
    uid.JPEGLosslessSV1: imagecodecs.jpeg8_decode,
    uid.JPEGLSLossless: imagecodecs.jpegls_decode,
    uid.JPEGLSNearLossless: imagecodecs.jpegls_decode,
    uid.JPEG2000Lossless: imagecodecs.jpeg2k_decode,
    uid.JPEG2000: imagecodecs.jpeg2k_decode,
    uid.HTJ2KLossless: openjpeg.utils.decode,
    uid.HTJ2KLosslessRPCL: openjpeg.utils.decode,
    uid.HTJ2K: openjpeg.utils.decode,
}
"""The function that decodes a frame of each compressed transfer syntax but RLE."""

_JPEG: Final = frozenset(syntax for syntax in CODECS if CODECS[syntax] is imagecodecs.jpeg8_decode)


class Layout(NamedTuple):
    """The Image Pixel attributes that say how samples are stored (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    by_plane: bool

    @classmethod
    def of(cls, dataset: Dataset) -> Layout:
        """Read the attributes; ``UnreadablePixels`` when they make no image."""
        stored = read.short(dataset, "BitsStored") or 0
        high_bit = read.short(dataset, "HighBit")
        layout = cls(
            rows=read.short(dataset, "Rows") or 0,
            columns=read.short(dataset, "Columns") or 0,
            samples=read.short(dataset, "SamplesPerPixel") or 1,
            bits_allocated=read.short(dataset, "BitsAllocated") or 0,
            bits_stored=stored,
            high_bit=stored - 1 if high_bit is None else high_bit,
            signed=read.short(dataset, "PixelRepresentation") == 1,
            photometric=read.text(dataset, "PhotometricInterpretation"),
            by_plane=read.short(dataset, "PlanarConfiguration") == 1,
        )
        if (
            not (layout.rows and layout.columns)
            or layout.samples not in (1, 3)
            or layout.bits_allocated not in (8, 16)
            or not 1 <= stored <= layout.bits_allocated
            or not stored - 1 <= layout.high_bit < layout.bits_allocated
        ):
            named = layout._replace(photometric=shown(layout.photometric))
            raise UnreadablePixels(_uid_of(dataset), f"no image has this layout: {named}")
        return layout

    @property
    def shift(self) -> int:
        """Bits between the low end of a container and the stored value."""
        return self.high_bit + 1 - self.bits_stored

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the decoded array: (rows, columns) or (rows, columns, 3)."""
        plane = (self.rows, self.columns)
        return plane if self.samples == 1 else (*plane, self.samples)


def decode(dataset: Dataset, layout: Layout) -> NDArray[Any]:
    """Give the stored samples, unsigned containers of 8 or 16 bits; colours as luminance.

    Returns
    -------
    NDArray[uint8 or uint16]
        (rows, columns), of either byte order. A signed value is in two's complement.
        Read-only when the samples were uncompressed.

    Raises
    ------
    UnreadablePixels
        Absent, too short, damaged, of another size than the header says, or in a
        transfer syntax that we do not accept.
    """
    pixel_data = dataset.get("PixelData")
    meta = getattr(dataset, "file_meta", None)
    syntax = "" if meta is None else read.text(meta, "TransferSyntaxUID")
    if not isinstance(pixel_data, bytes) or not pixel_data:
        raise UnreadablePixels(_uid_of(dataset), "there is no Pixel Data")
    if read.text(dataset, "NumberOfFrames") not in ("", "1"):
        raise UnreadablePixels(_uid_of(dataset), "several frames")
    try:
        if syntax in CODECS:
            samples = _decode_codestream(pixel_data, syntax, layout)
        elif syntax == RLELossless:
            samples = _decode_rle(pixel_data, layout)
        else:
            samples = _view_native(pixel_data, syntax, layout, dataset["PixelData"].VR)
    except _Damaged as error:
        raise UnreadablePixels(_uid_of(dataset), f"{error} ({syntax or 'no syntax'})") from error
    if samples.shape != layout.shape:
        raise UnreadablePixels(
            _uid_of(dataset), f"decoded to {samples.shape}, the header says {layout.shape}"
        )
    if layout.samples == 1:
        return samples
    is_rgb = syntax in _JPEG or layout.photometric in _RGB_ONCE_DECODED
    return _luminance(samples) if is_rgb else samples[..., 0]


class _Damaged(Exception):
    """The bytes do not decode; ``decode`` adds which object it was."""


_RLE_HEADER: Final = 64
# JPEG 2000 undoes its own colour transform; libjpeg-turbo undoes YCbCr.
_RGB_ONCE_DECODED: Final = frozenset({"RGB", "YBR_ICT", "YBR_RCT"})
_NATIVE: Final[dict[str, str]] = {
    uid.ImplicitVRLittleEndian: "<",
    uid.ExplicitVRLittleEndian: "<",
    uid.DeflatedExplicitVRLittleEndian: "<",
    uid.ExplicitVRBigEndian: ">",
}


def _view_native(pixel_data: bytes, syntax: str, layout: Layout, vr: str) -> NDArray[Any]:
    if syntax not in _NATIVE:
        raise _Damaged("transfer syntax not accepted")
    if layout.photometric == "YBR_FULL_422":
        raise _Damaged("uncompressed YBR_FULL_422")
    order = _NATIVE[syntax]
    count = layout.rows * layout.columns * layout.samples
    due = count * layout.bits_allocated // 8
    if len(pixel_data) != due + due % 2:
        raise _Damaged(f"Pixel Data has {len(pixel_data)} bytes, {due + due % 2} are due")
    if layout.bits_allocated == 8 and order == ">" and vr == "OW":
        # PS3.5 8.2: OW holds two 8-bit samples in each word, and words are swapped.
        samples = np.frombuffer(pixel_data, "<u2").byteswap().view(np.uint8)[:count]
    else:
        dtype = f"{order}u{layout.bits_allocated // 8}"
        samples = np.frombuffer(pixel_data, dtype, count)
    if layout.samples == 3 and layout.by_plane:
        return np.moveaxis(samples.reshape(3, layout.rows, layout.columns), 0, -1)
    return samples.reshape(layout.shape)


def _decode_rle(pixel_data: bytes, layout: Layout) -> NDArray[Any]:
    """Decode the segments of PS3.5 Annex G: one for each byte of each sample, high first."""
    frame = _first_frame(pixel_data)
    bytes_each = layout.bits_allocated // 8
    count = layout.samples * bytes_each
    if len(frame) < _RLE_HEADER:
        raise _Damaged("no whole RLE header")
    segments, *offsets = struct.unpack_from("<16L", frame)
    starts = [*offsets[:count], len(frame)]
    if segments != count or starts[0] < _RLE_HEADER or starts != sorted(starts):
        raise _Damaged(f"{segments} RLE segments, {count} are due, or in disorder")
    size = layout.rows * layout.columns
    planes = np.empty((count, size), np.uint8)
    for plane, start, end in zip(planes, starts, starts[1:], strict=False):
        plane[:] = _unpack_segment(frame[start:end], size)
    # The bytes of one sample come high first: seen backwards they are little endian.
    samples = planes.reshape(layout.samples, bytes_each, size)[:, ::-1].transpose(2, 0, 1)
    packed = np.ascontiguousarray(samples).view(f"<u{bytes_each}")
    return packed.reshape(layout.shape)


def _unpack_segment(segment: bytes, size: int) -> NDArray[np.uint8]:
    try:
        unpacked = imagecodecs.packbits_decode(segment, out=size)
    except (ValueError, RuntimeError) as error:
        raise _Damaged("an RLE segment does not decode") from error
    if len(unpacked) < size:
        raise _Damaged(f"an RLE segment has {len(unpacked)} bytes, {size} are due")
    return np.frombuffer(unpacked, np.uint8, size)


def _first_frame(pixel_data: bytes) -> bytes:
    try:
        return next(generate_frames(pixel_data, number_of_frames=1))
    except (ValueError, EOFError, StopIteration, IndexError, struct.error) as error:
        raise _Damaged("the fragments cannot be put together") from error


def _decode_codestream(pixel_data: bytes, syntax: str, layout: Layout) -> NDArray[Any]:
    frame = _first_frame(pixel_data)
    # A codestream may claim any size: compare before a decoder believes it.
    claimed = describe(frame)
    if claimed is None:
        raise _Damaged("no whole codestream")
    if claimed[:3] != (layout.rows, layout.columns, layout.samples):
        raise _Damaged(f"the codestream is {claimed[:3]} rows, columns and samples")
    if claimed.precision > layout.bits_allocated:
        raise _Damaged(f"samples of {claimed.precision} bits")
    options: dict[str, str] = {}
    if syntax in _JPEG:
        options = _jpeg_colours(layout, names_colours=claimed.names_colours)
    try:
        samples = CODECS[syntax](frame, **options)
    except (ValueError, RuntimeError) as error:
        raise _Damaged(f"the codestream does not decode: {type(error).__name__}") from error
    return _in_containers(samples, claimed.precision, layout)


def _jpeg_colours(layout: Layout, *, names_colours: bool) -> dict[str, str]:
    """Tell libjpeg which colours the three components are, unless the JPEG says so."""
    if layout.samples == 1:
        return {}
    if names_colours:
        return {"outcolorspace": "RGB"}
    colours = "RGB" if layout.photometric == "RGB" else "YCBCR"
    return {"colorspace": colours, "outcolorspace": "RGB"}


def _in_containers(samples: NDArray[Any], precision: int, layout: Layout) -> NDArray[Any]:
    """Put decoded samples into unsigned containers of Bits Allocated bits."""
    if not layout.signed and samples.dtype.kind == "u" and precision > layout.bits_stored:
        # Lossy coding may overshoot; cutting the high bits off would turn white black.
        samples = np.minimum(samples, samples.dtype.type(2**layout.bits_stored - 1))
    width = layout.bits_allocated // 8
    samples = samples.astype(f"{samples.dtype.kind}{width}", copy=False).view(f"u{width}")
    # A codestream holds its samples at the low end, whatever High Bit says.
    return samples << layout.shift if layout.shift else samples


def _luminance(samples: NDArray[Any]) -> NDArray[Any]:
    """Y of RGB, as YBR_FULL defines it (PS3.3 C.7.6.3.1.2); (rows, columns, 3) in."""
    red, green, blue = (samples[..., index].astype(np.uint32) for index in range(3))
    return ((299 * red + 587 * green + 114 * blue + 500) // 1000).astype(samples.dtype)


def _uid_of(dataset: Dataset) -> str:
    return read.text(dataset, "SOPInstanceUID") or "unknown"
