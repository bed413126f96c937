"""Presentation states read back, and images of every way from stored values to grey."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset
from pydicom.uid import ImplicitVRLittleEndian

from node.dicom.findings import Finding, StudyResult
from node.dicom.presentation_state import build_presentation_state
from tests.factories import make_mammogram, phantom
from tests.results import LESION, make_study, written


def state_of(study: StudyResult, place: int = 0) -> FileDataset:
    return written(build_presentation_state(study, study.images[place]))


def state_of_one(*findings: Finding, **attributes: Any) -> FileDataset:
    found = {0: findings or (LESION,)}
    return state_of(make_study([make_mammogram(**attributes)], findings=found))


def table(first: int, bits: int, data: NDArray[np.integer[Any]]) -> Dataset:
    """An item of a Modality or VOI LUT Sequence."""
    item = Dataset()
    kind = "SS" if first < 0 else "US"
    item.add_new("LUTDescriptor", kind, [len(data) % 65536, first, bits])
    item.add_new("LUTData", "OW", data.astype("<u2").tobytes())
    return item


def with_voi_lut(first: int = 400, bits: int = 12, **attributes: Any) -> FileDataset:
    """An image without windows, with a bent curve and a second table that nobody asked for."""
    white = 2**bits - 1
    curve = np.round(white * np.linspace(0, 1, 3001) ** 1.7).astype(np.uint16)
    tables = [table(first, bits, curve), table(first, bits, curve[::-1])]
    return make_mammogram(WindowCenter=None, WindowWidth=None, VOILUTSequence=tables, **attributes)


def signed(**attributes: Any) -> FileDataset:
    """An image whose values lie around zero."""
    pixels = ((phantom().astype(np.int32) - 2048) & 0x0FFF).astype(np.uint16)
    return make_mammogram(pixels=pixels, PixelRepresentation=1, **attributes)


def signed_with_voi_lut() -> FileDataset:
    image = signed(WindowCenter=None, WindowWidth=None)
    image.VOILUTSequence = with_voi_lut(first=-1500).VOILUTSequence
    return image


def with_modality_lut(bits: int = 16) -> FileDataset:
    white = 2**bits - 1
    curve = np.round(white * np.sqrt(np.linspace(0, 1, 4096))).astype(np.uint16)
    item = table(0, bits, curve)
    item.ModalityLUTType = "OD"
    return make_mammogram(
        ModalityLUTSequence=[item],
        RescaleIntercept=None,
        RescaleSlope=None,
        RescaleType=None,
        WindowCenter=str(white // 2),
        WindowWidth=str(white // 5 * 3),
    )


def with_overlay() -> FileDataset:
    """An image with a marker of its own in an overlay plane."""
    image = make_mammogram()
    bits = np.zeros((image.Rows, image.Columns), np.uint8)
    bits[5:15, 5:25] = 1
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    for element, kind, value in (
        (0x0010, "US", image.Rows),
        (0x0011, "US", image.Columns),
        (0x0040, "CS", "G"),
        (0x0050, "SS", [1, 1]),
        (0x0100, "US", 1),
        (0x0102, "US", 0),
        (0x3000, "OW", packed + b"\0" * (len(packed) % 2)),
    ):
        image.add_new((0x6000, element), kind, value)
    return image


PRESENTED: dict[str, Callable[[], FileDataset]] = {
    "one window": lambda: make_mammogram(WindowCenter="1700.5", WindowWidth="2100"),
    "two windows": lambda: make_mammogram(
        WindowCenter=["1800", "900"],
        WindowWidth=["2400", "300"],
        WindowCenterWidthExplanation=["NORMAL", "HARDER"],
    ),
    "a window with one explanation": lambda: make_mammogram(
        WindowCenter="1500", WindowWidth="2000", WindowCenterWidthExplanation="DEFAULT"
    ),
    "a fractional rescale": lambda: make_mammogram(
        RescaleSlope="0.37", RescaleIntercept="-11.5", WindowCenter="600", WindowWidth="900"
    ),
    "no rescale": lambda: make_mammogram(
        RescaleSlope=None, RescaleIntercept=None, RescaleType=None, WindowWidth="3000"
    ),
    "MONOCHROME1": lambda: make_mammogram(
        photometric="MONOCHROME1", WindowCenter="2300", WindowWidth="3100"
    ),
    "VOI LUT": with_voi_lut,
    "VOI LUT of MONOCHROME1": lambda: with_voi_lut(photometric="MONOCHROME1"),
    "VOI LUT in Implicit VR": lambda: with_voi_lut(transfer_syntax=ImplicitVRLittleEndian),
    "VOI LUT below zero": signed_with_voi_lut,
    "signed": lambda: signed(WindowCenter="0", WindowWidth="3000"),
    "Modality LUT": with_modality_lut,
    "an overlay": with_overlay,
}
"""DCMTK renders these; it knows no SIGMOID and no LINEAR_EXACT in a presentation state."""
