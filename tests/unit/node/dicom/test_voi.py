"""The formulas of PS3.3 C.11.1 and C.11.2, with numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from node.dicom.voi import (
    LookupTable,
    Window,
    modality_values,
    percentile_window,
    voi_table,
    window_of,
)

EXACT = 1e-12


def lut_item(descriptor: list[int], data: list[int] | bytes, vr: str = "US") -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [value % 65536 for value in descriptor])
    item.add_new("LUTData", vr, data)
    return item


def with_attributes(**attributes: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def grey(window: Window, *values: float) -> list[float]:
    return window(np.array(values, np.float64)).tolist()


def test_linear_reaches_black_and_white_at_the_ends_that_the_standard_names() -> None:
    """C.11.2.1.2.1: c=2048, w=4096 maps 0 to black and 4095 to white."""
    assert grey(Window(2048, 4096, "LINEAR"), -1, 0, 4095, 5000) == [0.0, 0.0, 1.0, 1.0]


def test_linear_of_width_1_is_a_threshold() -> None:
    """C.11.2.1.2.1: c=100, w=1 maps 99 to black and 100 to white."""
    assert grey(Window(100, 1, "LINEAR"), 99, 99.5, 100) == [0.0, 0.0, 1.0]


def test_linear_exact_has_its_centre_in_the_middle() -> None:
    """C.11.2.1.3.2: black at c - w/2, white at c + w/2."""
    assert grey(Window(100, 50, "LINEAR_EXACT"), 75, 100, 125) == [0.0, 0.5, 1.0]


def test_sigmoid_has_its_slope_at_the_centre() -> None:
    """C.11.2.1.3.1: 1 / (1 + exp(-4 (x - c) / w))."""
    found = grey(Window(100, 50, "SIGMOID"), 100, 150)

    assert found == pytest.approx([0.5, 1 / (1 + np.exp(-4))], abs=EXACT)


def test_sigmoid_of_far_values_is_black_and_white_without_a_warning() -> None:
    assert grey(Window(0, 0.001, "SIGMOID"), -65536, 65535) == [0.0, 1.0]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"WindowCenter": "10", "WindowWidth": "20"}, Window(10, 20, "LINEAR")),
        (
            {"WindowCenter": ["10", "30"], "WindowWidth": ["20", "40"]},
            Window(10, 20, "LINEAR"),
        ),
        (
            {
                "WindowCenter": ["10", "30"],
                "WindowWidth": ["20", "40"],
                "WindowCenterWidthExplanation": ["HARDER", "NORMAL"],
            },
            Window(30, 40, "LINEAR"),
        ),
        (
            {
                "WindowCenter": ["10", "30"],
                "WindowWidth": ["20", "40"],
                "WindowCenterWidthExplanation": ["HARDER", "SOFTER"],
            },
            Window(10, 20, "LINEAR"),
        ),
        ({"WindowCenter": ["10", "30"], "WindowWidth": ["0", "40"]}, Window(30, 40, "LINEAR")),
        ({"WindowCenter": ["10", "30"], "WindowWidth": "20"}, Window(10, 20, "LINEAR")),
        ({"WindowCenter": "10", "WindowWidth": "0.5"}, None),
        (
            {"WindowCenter": "10", "WindowWidth": "0.5", "VOILUTFunction": "LINEAR_EXACT"},
            Window(10, 0.5, "LINEAR_EXACT"),
        ),
        (
            {"WindowCenter": "10", "WindowWidth": "5", "VOILUTFunction": "SIGMOID"},
            Window(10, 5, "SIGMOID"),
        ),
        (
            {"WindowCenter": "10", "WindowWidth": "5", "VOILUTFunction": "STRANGE"},
            Window(10, 5, "LINEAR"),
        ),
        ({"WindowCenter": "10", "WindowWidth": "-5"}, None),
        ({"WindowCenter": "10"}, None),
        ({"WindowWidth": "10"}, None),
        ({}, None),
    ],
)
def test_the_window_is_the_normal_one_else_the_first_that_can_be_used(
    attributes: dict[str, Any], expected: Window | None
) -> None:
    assert window_of(with_attributes(**attributes)) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, [-5.0, 0.0, 7.0]),
        ({"RescaleSlope": "0.5", "RescaleIntercept": "-1"}, [-3.5, -1.0, 2.5]),
        ({"RescaleSlope": "2"}, [-10.0, 0.0, 14.0]),
        ({"RescaleIntercept": "3"}, [-2.0, 3.0, 10.0]),
    ],
)
def test_rescale_is_slope_and_intercept(attributes: dict[str, Any], expected: list[float]) -> None:
    stored = np.array([-5.0, 0.0, 7.0])

    assert modality_values(with_attributes(**attributes), stored, signed=True).tolist() == expected


def test_a_modality_lut_replaces_rescale() -> None:
    dataset = with_attributes(
        RescaleSlope="100", ModalityLUTSequence=[lut_item([3, 10, 16], [5, 7, 900])]
    )
    stored = np.array([0.0, 10.0, 11.0, 12.0, 4095.0])

    assert modality_values(dataset, stored, signed=False).tolist() == [5, 5, 7, 900, 900]


@pytest.mark.parametrize(("signed", "expected"), [(True, [5, 7, 900, 900]), (False, [5, 5, 5, 5])])
def test_the_first_value_of_a_table_has_the_sign_of_the_pixels(
    signed: bool, expected: list[int]
) -> None:
    dataset = with_attributes(ModalityLUTSequence=[lut_item([3, -1, 16], [5, 7, 900])])
    stored = np.array([-1.0, 0.0, 1.0, 2.0])

    assert modality_values(dataset, stored, signed=signed).tolist() == expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (lut_item([3, 0, 8], b"\x01\x02\x03\x00", "OW"), [1, 2, 3]),
        (lut_item([3, 0, 12], b"\x01\x00\x02\x00\x03\x01", "OW"), [1, 2, 259]),
        (lut_item([2, 0, 8], [1, 2]), [1, 2]),
    ],
)
def test_table_data_may_be_bytes_or_words(item: Dataset, expected: list[int]) -> None:
    table = voi_table(with_attributes(VOILUTSequence=[item]), signed=False)

    assert table is not None
    assert table.data.tolist() == expected


def test_a_table_of_65536_entries_says_0() -> None:
    item = lut_item([0, 0, 16], list(range(65536)))

    table = voi_table(with_attributes(VOILUTSequence=[item]), signed=False)

    assert table is not None
    assert table(np.array([65535.0])).tolist() == [65535]


@pytest.mark.parametrize(
    "item",
    [
        lut_item([4, 0, 12], [1, 2, 3]),  # an entry is missing
        lut_item([3, 0, 7], [1, 2, 3]),  # PS3.3 C.11.2.1.1: 8 to 16 bits
        lut_item([3, 0, 17], [1, 2, 3]),
        lut_item([3, 0], [1, 2, 3]),
        Dataset(),
    ],
)
def test_a_table_that_contradicts_its_descriptor_is_passed_over(item: Dataset) -> None:
    good = lut_item([2, 5, 12], [0, 4095])

    table = voi_table(with_attributes(VOILUTSequence=[item, good]), signed=False)

    assert table is not None
    assert (table.first, table.bits, table.data.tolist()) == (5, 12, [0, 4095])


def test_a_table_rounds_its_input_to_the_nearest_entry() -> None:
    table = LookupTable(0, 8, np.array([0.0, 10.0, 20.0]))

    assert table(np.array([0.6, 1.4, 1.6])).tolist() == [10.0, 10.0, 20.0]


def air_and_breast() -> np.ndarray:
    """Air 7 in 6000 of 10 000 pixels, a breast of even greys from 1000 to 2999."""
    counts = np.zeros(4096, np.int64)
    counts[7] = 6000
    counts[1000:3000] = 2
    return counts


def test_percentiles_are_taken_inside_the_breast() -> None:
    values = np.arange(4096, dtype=np.float64)

    window = percentile_window(values, air_and_breast(), dark_is_high=False)

    low, high = window.center - window.width / 2, window.center + window.width / 2
    assert (low, high) == (pytest.approx(1019, abs=1), pytest.approx(2989, abs=1))


def test_percentiles_of_an_inverted_image_are_mirrored() -> None:
    values = np.arange(4096, dtype=np.float64)

    window = percentile_window(values, air_and_breast()[::-1], dark_is_high=True)

    low, high = window.center - window.width / 2, window.center + window.width / 2
    assert (low, high) == (pytest.approx(4095 - 2989, abs=1), pytest.approx(4095 - 1019, abs=1))


def test_an_image_without_air_uses_all_its_pixels() -> None:
    values = np.arange(4096, dtype=np.float64)
    counts = np.zeros(4096, np.int64)
    counts[1000:3000] = 1

    window = percentile_window(values, counts, dark_is_high=False)

    assert window.center - window.width / 2 == pytest.approx(1019, abs=1)


@pytest.mark.parametrize("counts", [np.zeros(4096, np.int64), np.eye(1, 4096, 77, np.int64)[0]])
def test_an_empty_or_flat_image_gets_a_window_too(counts: np.ndarray) -> None:
    window = percentile_window(np.arange(4096, dtype=np.float64), counts, dark_is_high=False)

    assert window.width > 0
    assert np.isfinite(window(np.arange(4096, dtype=np.float64))).all()
