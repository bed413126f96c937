"""One synthetic lesion in one view of the film study, so that there is something to find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pydicom import FileDataset, dcmread, dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from node.demo.films import CREDIT
from node.dicom.decoders import Layout, decode
from node.dicom.geometry import Box
from node.dicom.pixels import WHITE, to_grey
from node.dicom.uids import derive

NOTICE: Final = "A synthetic lesion was inserted into this image: it is no real finding."

Insert = Callable[[NDArray[np.uint8]], tuple[NDArray[np.uint8], Box]]
"""Draws a lesion: grey (rows, columns), bright = dense, to the same with it, and its box."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """A lesion to come: the view that gets it (``RMLO`` or the like) and what draws it."""

    view: str
    insert: Insert


@dataclass(frozen=True, slots=True)
class InsertedLesion:
    """A lesion that was inserted; ``box`` is in stored pixels of the image it names."""

    view: str
    sop_instance_uid: str
    box: Box


def insert_lesion(path: Path, insertion: Insertion, *, namespace: UUID) -> InsertedLesion:
    """Replace one written view by another image that has the lesion and says so.

    Only the pixels that ``insertion`` changes are changed. The image is uncompressed
    from then on; the same arguments give the same bytes.

    Parameters
    ----------
    path : Path
        A view as `write_film_study` writes it: MONOCHROME2, unsigned, its window the whole
        range of the stored values.
    namespace : UUID
        The study's; the new SOP Instance UID is derived from it.

    Raises
    ------
    UnreadablePixels
        If the image cannot be decoded.

    References
    ----------
    PS3.3 C.7.6.1.1.2 (Image Type) and C.7.6.1.1.3 (Derivation Description).
    """
    image = dcmread(path)
    grey = to_grey(image)
    altered, box = insertion.insert(grey)
    layout = Layout.of(image)
    stored = with_difference(
        decode(image, layout).astype(np.uint16, copy=False),
        altered.astype(np.int32) - grey,
        bits_stored=layout.bits_stored,
    )
    image.SOPInstanceUID = derive(namespace, "image with a synthetic lesion", insertion.view)
    image.ImageType = ["DERIVED", *image.ImageType[1:]]
    image.DerivationDescription = NOTICE
    image.ImageComments = f"{NOTICE} {CREDIT}"
    _replace_pixels(image, stored)
    dcmwrite(path, image, enforce_file_format=True)
    return InsertedLesion(insertion.view, image.SOPInstanceUID, box)


def with_difference(
    stored: NDArray[np.uint16], difference: NDArray[np.int32], *, bits_stored: int
) -> NDArray[np.uint16]:
    """Add a difference of grey levels to stored values; where it is zero they stay as they are.

    Parameters
    ----------
    stored : NDArray[np.uint16]
        (rows, columns), shown through a window over their whole range.
    difference : NDArray[np.int32]
        Of the same shape, -255 to 255.
    """
    largest = 2**bits_stored - 1
    changed = difference != 0
    wanted = stored[changed] + np.rint(difference[changed] * (largest / WHITE))
    result = stored.copy()
    result[changed] = np.clip(wanted, 0, largest).astype(np.uint16)
    return result


def _replace_pixels(image: FileDataset, stored: NDArray[np.uint16]) -> None:
    image.PixelData = stored.astype("<u2").tobytes()
    image["PixelData"].VR = "OW"
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
