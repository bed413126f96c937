"""The picture of an image: air is 0, dense is bright, whatever the header's way to say so."""

from __future__ import annotations

import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, FileDataset
from pydicom.uid import ExplicitVRBigEndian

from node.dicom.pixels import to_grey
from node.errors import UnreadablePixels
from tests.factories import COLUMNS, ROWS, make_mammogram, phantom

PEAK_BYTES = 200 * 1024 * 1024
"""For 3328 x 2560 pixels."""


def of_values(*values: int, **attributes: Any) -> FileDataset:
    """Make an image of one row that holds these stored values."""
    bits = attributes.get("BitsAllocated", 16)
    mask = (1 << bits) - 1
    pixels = np.array([[value & mask for value in values]], np.uint16)
    image = make_mammogram(pixels=pixels, **attributes)
    if bits == 8:
        image.PixelData = pixels.astype(np.uint8).tobytes() + b"\0" * (len(values) % 2)
    return image


def greys(image: FileDataset) -> list[int]:
    return to_grey(image)[0].tolist()


def test_the_picture_has_the_shape_and_the_orientation_of_the_stored_pixels() -> None:
    pixels = np.zeros((101, 307), np.uint16)
    pixels[3, 300] = 4095

    grey = to_grey(make_mammogram(pixels=pixels))

    assert grey.shape == (101, 307)
    assert grey.dtype == np.uint8
    assert np.argwhere(grey).tolist() == [[3, 300]]


def test_the_picture_may_be_written_to() -> None:
    assert to_grey(make_mammogram()).flags.writeable


def test_the_full_window_is_the_stored_value_scaled() -> None:
    assert greys(of_values(0, 1024, 2048, 4095)) == [0, 64, 128, 255]


def test_monochrome1_is_inverted_once() -> None:
    image = of_values(0, 1024, 4095, photometric="MONOCHROME1")

    assert greys(image) == [255, 191, 0]


def test_both_photometric_interpretations_of_one_breast_are_the_same_picture() -> None:
    bright, inverted = make_mammogram(), make_mammogram(photometric="MONOCHROME1")

    assert np.abs(to_grey(bright).astype(int) - to_grey(inverted)).max() <= 1


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_presentation_lut_shape_changes_nothing(photometric: str) -> None:
    """Where both contradict each other, Photometric Interpretation is honoured."""
    pictures = [
        to_grey(make_mammogram(photometric=photometric, PresentationLUTShape=shape))
        for shape in ("IDENTITY", "INVERSE", None)
    ]

    assert np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[0], pictures[2])


def test_signed_values_go_below_zero() -> None:
    image = of_values(-2048, 0, 2047, PixelRepresentation=1, WindowCenter="0", WindowWidth="4096")
    image.PixelData = (np.array([-2048, 0, 2047]) & 0xFFF).astype("<u2").tobytes()

    assert greys(image) == [0, 128, 255]


def test_overlay_bits_above_the_stored_ones_are_ignored() -> None:
    assert greys(of_values(0xF000, 0xF800, 0x0FFF)) == [0, 128, 255]


def test_a_stored_value_at_the_high_end_is_found_there() -> None:
    assert greys(of_values(0x000F, 0x8000, 0xFFFF, HighBit=15)) == [0, 128, 255]


def test_eight_and_sixteen_bits_give_the_same_picture() -> None:
    eight = of_values(
        0, 64, 255, BitsAllocated=8, BitsStored=8, HighBit=7, WindowCenter="128", WindowWidth="256"
    )
    sixteen = of_values(
        0, 64 * 257, 65535, BitsStored=16, HighBit=15, WindowCenter="32768", WindowWidth="65536"
    )

    assert greys(eight) == greys(sixteen) == [0, 64, 255]


def test_big_endian_pixels_give_the_same_picture() -> None:
    big = make_mammogram(transfer_syntax=ExplicitVRBigEndian)

    assert np.array_equal(to_grey(big), to_grey(make_mammogram()))


def test_a_window_comes_before_a_voi_lut() -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [2, 0, 8])
    item.add_new("LUTData", "US", [255, 255])

    assert greys(of_values(0, 2048, 4095, VOILUTSequence=[item])) == [0, 128, 255]
    without = of_values(0, 2048, 4095, VOILUTSequence=[item], WindowCenter=None, WindowWidth=None)
    assert greys(without) == [255, 255, 255]


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black(photometric: str) -> None:
    image = of_values(0, 100, 2048, 4000, 4095, photometric=photometric)
    image.add_new("PixelPaddingValue", "US", 2048)

    assert greys(image)[2] == 0
    assert greys(image)[0] in (0, 255)
    assert 0 < greys(image)[1] < 255


@pytest.mark.parametrize(("first", "last"), [(4000, 4095), (4095, 4000)])
def test_a_padding_range_is_black_in_either_order(first: int, last: int) -> None:
    image = of_values(3999, 4000, 4050, 4095)
    image.add_new("PixelPaddingValue", "US", first)
    image.add_new("PixelPaddingRangeLimit", "US", last)

    assert greys(image) == [249, 0, 0, 0]


def test_signed_padding_is_compared_with_signed_pixels() -> None:
    image = of_values(0, 0, PixelRepresentation=1, WindowCenter="0", WindowWidth="4096")
    image.PixelData = (np.array([-2000, -1999]) & 0xFFF).astype("<u2").tobytes()
    image.add_new("PixelPaddingValue", "SS", -2000)

    assert greys(image) == [0, 3]


def without_window(**attributes: Any) -> FileDataset:
    return make_mammogram(WindowCenter=None, WindowWidth=None, **attributes)


def test_an_image_without_a_window_is_stretched_over_its_breast() -> None:
    """Black and white are the 1st and the 99.5th percentile of what is not air."""
    image = without_window(pixels=(phantom() // 4).astype(np.uint16))

    grey = to_grey(image)

    breast = phantom() > 0
    assert grey[~breast].max() == 0
    assert (grey[breast] == 0).mean() == pytest.approx(0.01, abs=0.005)
    assert (grey[breast] == 255).mean() == pytest.approx(0.005, abs=0.002)


def test_an_inverted_image_without_a_window_is_the_same_picture() -> None:
    bright = to_grey(without_window()).astype(int)
    inverted = to_grey(without_window(photometric="MONOCHROME1")).astype(int)

    assert np.abs(bright - inverted).max() <= 1


def test_padding_does_not_enter_the_percentiles() -> None:
    pixels = phantom()
    collimated = pixels.copy()
    collimated[:, -40:] = 4095
    image = without_window(pixels=collimated)
    image.add_new("PixelPaddingValue", "US", 4095)

    grey = to_grey(image)

    assert grey[:, -40:].max() == 0
    expected = to_grey(without_window(pixels=pixels[:, :-40]))
    assert np.abs(grey[:, :-40].astype(int) - expected).max() <= 1


def test_a_flat_image_without_a_window_is_drawn() -> None:
    flat = without_window(pixels=np.full((70, 90), 77, np.uint16))

    assert len(np.unique(to_grey(flat))) == 1


def test_all_padding_is_all_black() -> None:
    image = without_window(pixels=np.zeros((70, 90), np.uint16))
    image.add_new("PixelPaddingValue", "US", 0)

    assert to_grey(image).max() == 0


def test_a_colour_film_becomes_its_luminance() -> None:
    colours = np.array(
        [[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8
    )
    image = make_mammogram(
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        Rows=1,
        Columns=5,
    )
    image.add_new("PixelData", "OB", colours.tobytes() + b"\0")

    assert greys(image) == [0, 255, 76, 150, 29]


@pytest.mark.parametrize(
    "attributes",
    [
        {"RescaleSlope": "1e308", "RescaleIntercept": "1e308"},
        {"RescaleSlope": "-1e308"},
        {"RescaleSlope": "0"},
        {"WindowWidth": "1e-300", "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowWidth": "1e-300", "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": "1e308"},
    ],
)
def test_numbers_at_the_edge_of_floats_are_drawn_without_a_warning(
    attributes: dict[str, str],
) -> None:
    image = make_mammogram(**attributes)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert to_grey(image).shape == (ROWS, COLUMNS)
        del image.WindowCenter
        assert to_grey(image).shape == (ROWS, COLUMNS)


def test_short_pixel_data_is_refused() -> None:
    image = make_mammogram()
    image.PixelData = image.PixelData[:-2]

    with pytest.raises(UnreadablePixels, match=str(image.SOPInstanceUID)):
        to_grey(image)


def test_rendering_leaves_the_data_set_as_it_was() -> None:
    image = make_mammogram(WindowCenter=None)
    before = image.to_json()

    to_grey(image)

    assert image.to_json() == before


def test_a_whole_mammogram_takes_little_memory() -> None:
    image = make_mammogram(rows=3328, columns=2560)

    tracemalloc.start()
    try:
        to_grey(image)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < PEAK_BYTES
