"""The overlay is the source's picture with the boxes on it, and says where it is from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import SecondaryCaptureImageStorage

from config.profiles import OverlayOptions, Profile
from node.dicom.drawing import GREEN
from node.dicom.findings import Finding
from node.dicom.geometry import Box
from node.dicom.overlay import build_overlay
from node.dicom.part10 import to_bytes
from tests.factories import (
    JAPANESE_CHARACTER_SET,
    JAPANESE_NAME,
    four_view_study,
    make_mammogram,
)
from tests.overlays import overlay_of, overlay_of_one, with_long_side
from tests.results import (
    ALGORITHM,
    DEVICE,
    LESION,
    grey_of,
    make_study,
    raw_value,
    stored,
    written,
)


def green(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((picture == GREEN).all(axis=2))


@pytest.mark.parametrize(
    ("rows", "columns", "long_side", "box", "expected"),
    [
        # first = floor(low edge), last = ceil(high edge) - 1, derived by hand
        (331, 257, 2048, Box(40.3, 50.7, 90.1, 120.9), (40, 90, 50, 120)),
        (331, 257, 0, Box(40.0, 50.0, 90.0, 120.0), (40, 89, 50, 119)),
        # 662 x 514 halved: 331 x 257, so every edge is halved
        (662, 514, 331, Box(81.0, 101.0, 180.0, 241.0), (40, 89, 50, 120)),
    ],
)
def test_the_green_rectangle_lies_where_the_box_is(
    rows: int, columns: int, long_side: int, box: Box, expected: tuple[int, ...]
) -> None:
    study = make_study(
        [make_mammogram(rows=rows, columns=columns)], findings={0: (Finding(box, 0.9, 1),)}
    )

    picture = overlay_of(study, long_side=long_side).pixel_array

    found_rows, found_columns = np.nonzero(green(picture))
    extent = found_columns.min(), found_columns.max(), found_rows.min(), found_rows.max()
    assert tuple(map(int, extent)) == expected


def test_the_pixels_are_rgb_of_eight_bits() -> None:
    overlay = overlay_of_one(rows=333, columns=255)

    assert overlay.pixel_array.shape == (333, 255, 3)
    assert overlay.PhotometricInterpretation == "RGB"
    assert (overlay.BitsAllocated, overlay.BitsStored, overlay.HighBit) == (8, 8, 7)
    assert overlay.PlanarConfiguration == 0
    for keyword in ("WindowCenter", "RescaleSlope", "PresentationLUTShape", "VOILUTSequence"):
        assert keyword not in overlay


def test_it_is_a_capture_of_ours_in_a_series_of_its_own() -> None:
    overlay = overlay_of_one()

    assert overlay.SOPClassUID == SecondaryCaptureImageStorage
    assert (overlay.Modality, overlay.SeriesNumber) == ("OT", 9003)
    assert overlay.ConversionType == "WSD"
    assert overlay.ImageType == ["DERIVED", "SECONDARY"]
    assert overlay.Manufacturer == overlay.SecondaryCaptureDeviceManufacturer
    assert overlay.Manufacturer == DEVICE.manufacturer
    assert (overlay.DateOfSecondaryCapture, overlay.TimeOfSecondaryCapture) == (
        "20240305",
        "233015",
    )


@pytest.mark.parametrize("modality", ["OT", "MG"])
def test_the_modality_is_the_one_that_the_profile_names(modality: Literal["OT", "MG"]) -> None:
    profile = Profile(overlay=OverlayOptions(modality=modality))
    study = make_study([make_mammogram()], findings={0: (LESION,)}, profile=profile)

    overlay = build_overlay(study, study.images[0], grey_of(study.images[0].header))

    assert written(overlay).Modality == modality


@pytest.mark.parametrize(("long_side", "preserved"), [(0, "YES"), (331, "YES"), (330, "NO")])
def test_it_refers_to_its_source(long_side: int, preserved: str) -> None:
    image = make_mammogram()
    overlay = overlay_of(make_study([image], findings={0: (LESION,)}), long_side=long_side)

    source = overlay.SourceImageSequence[0]
    assert source.ReferencedSOPInstanceUID == image.SOPInstanceUID
    assert source.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    assert source.SpatialLocationsPreserved == preserved
    series = overlay.ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == image.SeriesInstanceUID
    instance = series.ReferencedInstanceSequence[0]
    assert instance.ReferencedSOPInstanceUID == image.SOPInstanceUID


@pytest.mark.parametrize("keyword", ["Rows", "Columns"])
def test_a_size_of_two_values_is_read_as_its_first(keyword: str) -> None:
    image = stored(make_mammogram())
    twice = image.get_item(keyword).value * 2
    image[keyword] = RawDataElement(Tag(keyword), "US", 4, twice, 0, False, True)
    study = make_study([image], findings={0: (LESION,)})

    overlay = build_overlay(study, study.images[0], np.zeros((331, 257), np.uint8))

    assert (overlay.Rows, overlay.Columns) == (331, 257)


def test_pixel_spacing_grows_with_the_reduction() -> None:
    """662 rows become 331 and 514 columns 257: twice the spacing."""
    overlay = overlay_of_one(
        long_side=331,
        rows=662,
        columns=514,
        PixelSpacing=[0.065, 0.07],
        PixelSpacingCalibrationType="GEOMETRY",
        PixelSpacingCalibrationDescription="at the breast's middle",
    )

    assert overlay.PixelSpacing == pytest.approx([0.13, 0.14])
    assert overlay.PixelSpacingCalibrationType == "GEOMETRY"


def test_spacing_at_the_detector_is_not_called_pixel_spacing() -> None:
    overlay = overlay_of_one(ImagerPixelSpacing=[0.07, 0.07])

    assert "PixelSpacing" not in overlay
    assert "ImagerPixelSpacing" not in overlay


@pytest.mark.parametrize("value", [b"0.1", b"a\\b ", b"0\\0 ", b"-1\\1"])
def test_a_spacing_that_is_none_is_left_out(value: bytes) -> None:
    image = stored(make_mammogram())
    tag = Tag("PixelSpacing")
    image[tag] = RawDataElement(tag, "DS", len(value), value, 0, False, True)

    assert "PixelSpacing" not in overlay_of(make_study([image]))


def test_a_picture_of_another_size_is_refused() -> None:
    study = make_study([make_mammogram()])

    with pytest.raises(ValueError, match=study.images[0].sop_instance_uid):
        build_overlay(study, study.images[0], np.zeros((257, 331), np.uint8))


def test_an_image_that_was_not_analysed_has_no_overlay() -> None:
    study = make_study([make_mammogram()], not_analysed={0: "FOR_PROCESSING"})

    with pytest.raises(ValueError, match="not analysed"):
        build_overlay(study, study.images[0], grey_of(study.images[0].header))


def test_instance_numbers_follow_the_viewing_order() -> None:
    study = make_study(four_view_study()[::-1])

    numbers = {
        (str(overlay.ImageLaterality), overlay.ViewCodeSequence[0].CodeValue): int(
            overlay.InstanceNumber
        )
        for overlay in (overlay_of(study, place) for place in range(4))
    }

    assert sorted(numbers, key=numbers.__getitem__) == [
        ("R", "399162004"),
        ("L", "399162004"),
        ("R", "399368009"),
        ("L", "399368009"),
    ]


@pytest.mark.parametrize(
    "source",
    [
        {"patient_name": JAPANESE_NAME, "specific_character_set": JAPANESE_CHARACTER_SET},
        {"patient_name": JAPANESE_NAME, "specific_character_set": "ISO_IR 192"},
        {"specific_character_set": None},
    ],
)
def test_the_name_in_the_overlay_is_that_of_the_image_to_the_byte(source: dict[str, Any]) -> None:
    image = stored(make_mammogram(**source))

    overlay = overlay_of(make_study([image], findings={0: (LESION,)}))

    assert raw_value(overlay, "PatientName") == raw_value(image, "PatientName")
    assert overlay.get("SpecificCharacterSet") == image.get("SpecificCharacterSet")


def test_the_same_image_gives_the_same_bytes() -> None:
    def build() -> bytes:
        study = make_study(four_view_study(), findings={1: (LESION,)})
        image = study.images[1]
        return to_bytes(build_overlay(with_long_side(study, 200), image, grey_of(image.header)))

    assert build() == build()


def test_the_overlay_of_an_image_keeps_its_uid_when_another_image_comes() -> None:
    views = four_view_study()
    early = make_study(views[:3], findings={0: (LESION,)})
    late = make_study(views, findings={0: (LESION,)})

    assert overlay_of(early).SOPInstanceUID == overlay_of(late).SOPInstanceUID


def test_another_size_is_another_object() -> None:
    assert overlay_of_one(long_side=0).SOPInstanceUID != overlay_of_one(300).SOPInstanceUID


def test_long_names_break_nothing() -> None:
    algorithm = replace(ALGORITHM, name="n" * 500, version="山" * 300)
    study = make_study([make_mammogram()], findings={0: (LESION,)}, algorithm=algorithm)

    assert overlay_of(study).pixel_array.shape == (331, 257, 3)
