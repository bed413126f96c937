"""The overlay is the source's picture with the boxes on it, and says where it is from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import SecondaryCaptureImageStorage

from node.dicom.drawing import GREEN
from node.dicom.findings import Finding, StudyResult
from node.dicom.geometry import Box
from node.dicom.overlay import build_overlay
from node.dicom.part10 import to_bytes
from tests.factories import (
    JAPANESE_CHARACTER_SET,
    JAPANESE_NAME,
    four_view_study,
    make_mammogram,
)
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


def overlay_of(study: StudyResult, place: int = 0, *, long_side: int = 2048) -> FileDataset:
    image = study.images[place]
    return written(build_overlay(study, image, grey_of(image.header), long_side=long_side))


def overlay_of_one(long_side: int = 2048, **attributes: Any) -> FileDataset:
    return overlay_of(
        make_study([make_mammogram(**attributes)], findings={0: (LESION,)}), long_side=long_side
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


def test_side_view_and_orientation_are_copied_without_an_empty_modifier() -> None:
    overlay = overlay_of_one(view="MLO", laterality="R")

    assert overlay.ImageLaterality == "R"
    assert overlay.PatientOrientation == ["P", "FL"]
    assert overlay.BodyPartExamined == "BREAST"
    view = overlay.ViewCodeSequence[0]
    assert view.CodeMeaning == "medio-lateral oblique"
    assert "ViewModifierCodeSequence" not in view
    assert "Laterality" not in overlay


def test_a_view_modifier_that_says_something_is_kept() -> None:
    image = make_mammogram()
    modifier = Dataset()
    modifier.CodeValue = "399209000"
    modifier.CodingSchemeDesignator = "SCT"
    modifier.CodeMeaning = "Implant Displaced"
    image.ViewCodeSequence[0].ViewModifierCodeSequence = [modifier]

    overlay = overlay_of(make_study([image]))

    assert overlay.ViewCodeSequence[0].ViewModifierCodeSequence[0].CodeValue == "399209000"


def test_what_the_source_does_not_say_stays_empty() -> None:
    overlay = overlay_of_one(
        ImageLaterality=None,
        ViewCodeSequence=None,
        PatientOrientation=None,
        BodyPartExamined=None,
        BurnedInAnnotation=None,
    )

    assert overlay["Laterality"].is_empty
    assert overlay["PatientOrientation"].is_empty
    assert "ViewCodeSequence" not in overlay
    assert overlay.BodyPartExamined == "BREAST"
    assert overlay.BurnedInAnnotation == "NO"


def test_a_side_of_the_series_is_copied_too() -> None:
    assert overlay_of_one(ImageLaterality=None, Laterality="R").Laterality == "R"


def test_burned_in_annotation_of_the_source_is_admitted() -> None:
    assert overlay_of_one(BurnedInAnnotation="YES").BurnedInAnnotation == "YES"


def test_lossy_once_is_lossy_for_ever() -> None:
    copied = overlay_of_one(
        LossyImageCompression="01",
        LossyImageCompressionRatio="12.5",
        LossyImageCompressionMethod="ISO_10918_1",
    )
    noticed = overlay_of(
        make_study([make_mammogram(LossyImageCompression=None)], notes={0: ("LOSSY",)})
    )

    assert (copied.LossyImageCompression, copied.LossyImageCompressionRatio) == ("01", 12.5)
    assert noticed.LossyImageCompression == "01"


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
        build_overlay(study, study.images[0], np.zeros((257, 331), np.uint8), long_side=0)


def test_an_image_that_was_not_analysed_has_no_overlay() -> None:
    study = make_study([make_mammogram()], not_analysed={0: "FOR_PROCESSING"})

    with pytest.raises(ValueError, match="not analysed"):
        build_overlay(study, study.images[0], grey_of(study.images[0].header), long_side=0)


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
        return to_bytes(build_overlay(study, image, grey_of(image.header), long_side=200))

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
