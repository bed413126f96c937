"""The grey picture against DCMTK's renderer, image by image."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, FileDataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from node.dicom.pixels import to_grey
from tests.factories import make_mammogram, phantom
from tests.requirements import program

pytestmark = pytest.mark.dcmtk

GREY_LEVELS = 1
"""Largest difference of two correct renderings that round differently."""

FIRST_WINDOW = ["+Wi", "1"]
FIRST_LUT = ["+Wl", "1"]


def dcm2pnm(image: FileDataset, folder: Path, *options: str) -> NDArray[np.int64]:
    """Render with DCMTK: 8-bit PGM of the first frame."""
    source, picture = folder / "image.dcm", folder / "image.pgm"
    image.save_as(source, enforce_file_format=True)
    command = [str(program("dcm2pnm")), *options, str(source), str(picture)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with Image.open(picture) as opened:
        return np.asarray(opened.convert("L"), np.int64)


def lut_item(first: int, bits: int, data: NDArray[np.integer[Any]], explanation: str) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(data) % 65536, first % 65536, bits])
    item.LUTExplanation = explanation
    item.add_new("LUTData", "US", data.tolist())
    return item


def voi_lut_of_12_bits(**attributes: Any) -> FileDataset:
    """A bent curve of 12-bit output over a part of the input range."""
    curve = np.round(4095 * np.linspace(0, 1, 3001) ** 1.7).astype(np.uint16)
    return make_mammogram(
        WindowCenter=None,
        WindowWidth=None,
        VOILUTSequence=[lut_item(400, 12, curve, "NORMAL"), lut_item(0, 12, curve[::-1], "OTHER")],
        **attributes,
    )


def modality_lut() -> FileDataset:
    curve = np.round(65535 * np.sqrt(np.linspace(0, 1, 4096))).astype(np.uint16)
    item = lut_item(0, 16, curve, "OD")
    item.ModalityLUTType = "OD"
    return make_mammogram(
        ModalityLUTSequence=[item],
        RescaleIntercept=None,
        RescaleSlope=None,
        RescaleType=None,
        WindowCenter="32768",
        WindowWidth="40000",
    )


def signed() -> FileDataset:
    image = make_mammogram(
        PixelRepresentation=1, RescaleIntercept="100", WindowCenter="0", WindowWidth="3000"
    )
    image.PixelData = ((phantom().astype(np.int32) - 2048) & 0x0FFF).astype("<u2").tobytes()
    return image


def in_the_high_bits() -> FileDataset:
    image = make_mammogram(HighBit=15, WindowCenter="1500", WindowWidth="2500")
    image.PixelData = (phantom() << 4).astype("<u2").tobytes()
    return image


def of_eight_bits() -> FileDataset:
    image = make_mammogram(
        BitsAllocated=8, BitsStored=8, HighBit=7, WindowCenter="100", WindowWidth="150"
    )
    pixels = (phantom() >> 4).astype(np.uint8).tobytes()
    image.add_new("PixelData", "OB", pixels + b"\0" * (len(pixels) % 2))
    return image


def of_sixteen_bits() -> FileDataset:
    image = make_mammogram(BitsStored=16, HighBit=15, WindowCenter="30000", WindowWidth="50000")
    image.PixelData = (phantom() * 16).astype("<u2").tobytes()
    return image


def padded() -> FileDataset:
    image = make_mammogram(
        RescaleIntercept="-100", WindowCenter="1000", WindowWidth="3000", PixelPaddingValue=0
    )
    image["PixelPaddingValue"].VR = "US"
    return image


WINDOWED: dict[str, Callable[[], FileDataset]] = {
    "LINEAR": lambda: make_mammogram(WindowCenter="1700.5", WindowWidth="2100"),
    "LINEAR with a fractional rescale": lambda: make_mammogram(
        RescaleSlope="0.37", RescaleIntercept="-11.5", WindowCenter="600", WindowWidth="900"
    ),
    "LINEAR of width 1": lambda: make_mammogram(WindowCenter="2000", WindowWidth="1"),
    "SIGMOID": lambda: make_mammogram(
        WindowCenter="2000", WindowWidth="1500", VOILUTFunction="SIGMOID"
    ),
    "two windows": lambda: make_mammogram(
        WindowCenter=["1800", "900"],
        WindowWidth=["2400", "300"],
        WindowCenterWidthExplanation=["NORMAL", "HARDER"],
    ),
    "MONOCHROME1": lambda: make_mammogram(
        photometric="MONOCHROME1", WindowCenter="2300", WindowWidth="3100"
    ),
    "MONOCHROME1 and SIGMOID": lambda: make_mammogram(
        photometric="MONOCHROME1",
        WindowCenter="2300",
        WindowWidth="1100",
        VOILUTFunction="SIGMOID",
    ),
    "signed": signed,
    "in the high bits": in_the_high_bits,
    "8 bits": of_eight_bits,
    "16 bits": of_sixteen_bits,
    "Modality LUT": modality_lut,
    "Implicit VR": lambda: make_mammogram(
        transfer_syntax=ImplicitVRLittleEndian, WindowCenter="1700", WindowWidth="2100"
    ),
    "big endian": lambda: make_mammogram(
        transfer_syntax=ExplicitVRBigEndian, WindowCenter="1700", WindowWidth="2100"
    ),
}


@pytest.mark.parametrize("make", WINDOWED.values(), ids=WINDOWED.keys())
def test_a_windowed_image_is_rendered_as_dcmtk_does(
    make: Callable[[], FileDataset], tmp_path: Path
) -> None:
    expected = dcm2pnm(make(), tmp_path, *FIRST_WINDOW)

    grey = to_grey(make()).astype(np.int64)

    assert len(np.unique(expected)) > 1, "a flat picture compares nothing"
    assert np.abs(grey - expected).max() <= GREY_LEVELS


def test_padding_is_black_and_the_rest_is_rendered_as_dcmtk_does(tmp_path: Path) -> None:
    """DCMTK puts padding through the window; here that would be grey 34, and is air."""
    air = phantom() == 0
    expected = dcm2pnm(padded(), tmp_path, *FIRST_WINDOW)
    assert set(np.unique(expected[air])) == {34}

    grey = to_grey(padded()).astype(np.int64)

    assert np.abs(grey - expected)[~air].max() <= GREY_LEVELS
    assert not grey[air].any()


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_12_bit_voi_lut_is_rendered_as_dcmtk_does(photometric: str, tmp_path: Path) -> None:
    expected = dcm2pnm(voi_lut_of_12_bits(photometric=photometric), tmp_path, *FIRST_LUT)

    grey = to_grey(voi_lut_of_12_bits(photometric=photometric)).astype(np.int64)

    assert len(np.unique(expected)) > 100
    assert np.abs(grey - expected).max() <= GREY_LEVELS


def test_linear_exact_is_linear_by_half_a_value_and_one_of_width(tmp_path: Path) -> None:
    """DCMTK knows no LINEAR_EXACT: C.11.2.1.3.2 with c, w is C.11.2.1.2.1 with c + 0.5, w + 1."""
    exact = make_mammogram(WindowCenter="1700", WindowWidth="2100", VOILUTFunction="LINEAR_EXACT")
    linear = make_mammogram(WindowCenter="1700.5", WindowWidth="2101")

    expected = dcm2pnm(linear, tmp_path, *FIRST_WINDOW)

    assert np.abs(to_grey(exact).astype(np.int64) - expected).max() <= GREY_LEVELS


def test_a_wrong_window_would_be_seen(tmp_path: Path) -> None:
    expected = dcm2pnm(make_mammogram(), tmp_path, "+Wi", "1")

    grey = to_grey(make_mammogram(WindowWidth="4000")).astype(np.int64)

    assert np.abs(grey - expected).max() > GREY_LEVELS
