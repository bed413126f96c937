"""The summary shows the study on one page and says where it is from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.uid import SecondaryCaptureImageStorage

from node.dicom.drawing import GREEN
from node.dicom.findings import Finding, ImageResult, RefusedImage
from node.dicom.geometry import Box
from node.dicom.part10 import to_bytes
from node.dicom.summary_overlay import build_summary_overlay
from node.dicom.summary_words import caption, notes
from node.errors import IdentityConflict
from tests.factories import (
    JAPANESE_CHARACTER_SET,
    JAPANESE_NAME,
    four_view_study,
    make_mammogram,
)
from tests.results import ALGORITHM, DEVICE, LESION, grey_of, make_study, raw_value, stored
from tests.summaries import summary_of

FOUND = {0: (LESION,), 3: (LESION,)}


def test_it_is_one_capture_of_ours_in_a_series_of_its_own() -> None:
    summary = summary_of(make_study(four_view_study(), findings=FOUND))

    assert summary.SOPClassUID == SecondaryCaptureImageStorage
    assert (summary.Modality, summary.SeriesNumber, summary.InstanceNumber) == ("OT", 9006, 1)
    assert summary.SeriesDescription == f"AI summary {DEVICE.model_name}"
    assert summary.ConversionType == "WSD"
    assert summary.ImageType == ["DERIVED", "SECONDARY"]
    assert summary.pixel_array.shape == (summary.Rows, summary.Columns, 3)
    assert max(summary.Rows, summary.Columns) <= 512
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "ViewCodeSequence", "WindowCenter"):
        assert keyword not in summary


def test_the_profile_says_modality_and_size() -> None:
    study = make_study([make_mammogram(rows=1024, columns=800)])

    summary = summary_of(study, modality="MG", long_side=900)

    assert summary.Modality == "MG"
    assert 800 < max(summary.Rows, summary.Columns) <= 900


def test_it_refers_to_every_image_that_it_shows() -> None:
    images = four_view_study()
    summary = summary_of(make_study(images, not_analysed={1: "UNREADABLE_PIXELS"}))

    shown = {image.SOPInstanceUID for place, image in enumerate(images) if place != 1}
    assert {item.ReferencedSOPInstanceUID for item in summary.SourceImageSequence} == shown
    assert {item.SpatialLocationsPreserved for item in summary.SourceImageSequence} == {"NO"}
    series = {
        item.SeriesInstanceUID: [one.ReferencedSOPInstanceUID for one in instances]
        for item in summary.ReferencedSeriesSequence
        for instances in [item.ReferencedInstanceSequence]
    }
    assert series == {
        image.SeriesInstanceUID: [image.SOPInstanceUID]
        for place, image in enumerate(images)
        if place != 1
    }


def test_there_is_one_when_nothing_was_analysed() -> None:
    study = make_study(four_view_study(), not_analysed=dict.fromkeys(range(4), "UNREADABLE_PIXELS"))

    summary = summary_of(study)

    assert "SourceImageSequence" not in summary
    assert (summary.pixel_array > 150).any()


@pytest.mark.parametrize(
    ("sides", "expected"), [("RL", "B"), ("R", "R"), ("LL", "L"), ("RX", None), ("X", None)]
)
def test_it_names_the_breasts_that_it_shows(sides: str, expected: str | None) -> None:
    images = [
        make_mammogram(sop_instance_uid=f"1.2.3.{number}", ImageLaterality=side.strip("X") or None)
        for number, side in enumerate(sides)
    ]

    summary = summary_of(make_study(images))

    assert summary.get("ImageLaterality") == expected
    assert ("Laterality" in summary) == (expected is None)
    assert not summary.PatientOrientation


@pytest.mark.parametrize(("second", "expected"), [("YES", "YES"), ("NO", "NO"), (None, "NO")])
def test_burned_in_annotation_is_the_worst_of_its_sources(
    second: str | None, expected: str
) -> None:
    images = [make_mammogram(), make_mammogram(view="MLO", BurnedInAnnotation=second)]

    assert summary_of(make_study(images)).BurnedInAnnotation == expected


def test_a_page_with_one_lossy_picture_is_lossy() -> None:
    lossy = {
        "LossyImageCompression": "01",
        "LossyImageCompressionRatio": "12",
        "LossyImageCompressionMethod": "ISO_10918_1",
    }
    images = [make_mammogram(), make_mammogram(view="MLO", **lossy)]

    summary = summary_of(make_study(images))

    assert {keyword: str(summary[keyword].value) for keyword in lossy} == lossy
    assert summary_of(make_study(images[:1])).LossyImageCompression == "00"


def green(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((picture == GREEN).all(axis=2))


def halves(picture: NDArray[np.uint8]) -> tuple[int, int]:
    """Count green pixels in the left and in the right half of a page."""
    middle = picture.shape[1] // 2
    return int(green(picture[:, :middle]).sum()), int(green(picture[:, middle:]).sum())


@pytest.mark.parametrize(("place", "side"), [(0, 0), (1, 1), (2, 0), (3, 1)])
def test_a_box_of_the_right_breast_is_on_the_left_of_the_page(place: int, side: int) -> None:
    study = make_study(four_view_study(), findings={place: (LESION,)})

    counts = halves(summary_of(study).pixel_array)

    assert counts[side] > 0
    assert counts[1 - side] == 0


@pytest.mark.parametrize(("orientation", "is_mirrored"), [(["P", "L"], False), (["A", "L"], True)])
def test_the_box_of_a_mirrored_image_is_mirrored_with_it(
    orientation: list[str], is_mirrored: bool
) -> None:
    """A box at the chest wall of a right breast hangs at the middle of the page."""
    wall = Box(237, 100, 257, 140) if not is_mirrored else Box(0, 100, 20, 140)
    images = four_view_study()
    images[0].PatientOrientation = orientation
    study = make_study(images, findings={0: (Finding(wall, 0.9, 1),)})

    picture = summary_of(study).pixel_array

    columns = np.nonzero(green(picture))[1]
    middle = picture.shape[1] // 2
    assert 0 < middle - columns.max() < 8
    assert ("mirrored" in caption(study.images[0])) == is_mirrored


def test_each_analysed_picture_is_read_once_and_no_other() -> None:
    study = make_study(four_view_study(), findings=FOUND, not_analysed={2: "FOR_PROCESSING"})
    read: list[str] = []

    def grey(image: ImageResult) -> NDArray[np.uint8]:
        read.append(image.sop_instance_uid)
        return grey_of(image.header)

    build_summary_overlay(study, grey)

    assert sorted(read) == sorted(image.sop_instance_uid for image in study.analysed)


def test_a_picture_of_another_size_is_refused() -> None:
    study = make_study([make_mammogram()])

    with pytest.raises(ValueError, match=study.images[0].sop_instance_uid):
        build_summary_overlay(study, lambda _: np.zeros((257, 331), np.uint8))


def test_two_patients_have_no_summary() -> None:
    images = [make_mammogram(), make_mammogram(view="MLO", PatientID="ANOTHER")]

    with pytest.raises(IdentityConflict):
        summary_of(make_study(images))


@pytest.mark.parametrize(
    "source",
    [
        {"patient_name": JAPANESE_NAME, "specific_character_set": JAPANESE_CHARACTER_SET},
        {"specific_character_set": None},
    ],
)
def test_the_name_is_that_of_the_images_to_the_byte(source: dict[str, Any]) -> None:
    image = stored(make_mammogram(**source))

    summary = summary_of(make_study([image]))

    assert raw_value(summary, "PatientName") == raw_value(image, "PatientName")
    assert summary.get("SpecificCharacterSet") == image.get("SpecificCharacterSet")


def test_the_same_study_gives_the_same_bytes_in_whatever_order_it_came() -> None:
    def build(*order: int) -> bytes:
        views = four_view_study()
        study = make_study([views[place] for place in order], findings={order.index(2): (LESION,)})
        return to_bytes(build_summary_overlay(study, lambda image: grey_of(image.header)))

    assert build(0, 1, 2, 3) == build(3, 2, 1, 0)


def test_a_late_image_or_another_size_makes_another_object() -> None:
    views = four_view_study()
    first = summary_of(make_study(views))

    assert summary_of(make_study(views[:3])).SOPInstanceUID != first.SOPInstanceUID
    assert summary_of(make_study(views), long_side=600).SOPInstanceUID != first.SOPInstanceUID


def words(**study: Any) -> str:
    made = make_study(four_view_study(), **study)
    return "\n".join(notes(made, made.images[0].header))


def test_every_reason_is_said_once_with_its_views() -> None:
    said = words(not_analysed={0: "MAGNIFICATION", 1: "MAGNIFICATION", 2: "ANALYSIS_FAILED"})

    assert "Not analysed: R CC, L CC: Magnification views are not analysed." in said
    assert "Not analysed: R MLO: The analysis was tried and did not end" in said
    assert said.count("Magnification") == 1
    assert "L MLO" not in said


def test_what_is_to_be_borne_in_mind_is_said() -> None:
    said = words(
        notes={1: ("IMPLANT",)},
        predecessors=(("1.2", "1.3", "1.4"),),
        refused=(RefusedImage("1.2.3", "", "DAMAGED"), RefusedImage("1.2.4", "", "DAMAGED")),
    )

    assert "Note on L CC: The breast has an implant." in said
    assert "Replaces an earlier summary of this study." in said
    assert "Not received: 2: The data set came incomplete or damaged." in said


def test_the_model_and_the_moment_are_named() -> None:
    said = words(not_analysed={0: "MAGNIFICATION"})

    # First: of too many words the last are cut off.
    assert said.startswith(f"Model: {ALGORITHM.name} {ALGORITHM.version}")
    assert "2024-03-05 23:30" in said
    assert DEVICE.software_versions in said


def test_of_several_models_each_is_named_with_its_views() -> None:
    study = make_study(four_view_study())
    other = replace(ALGORITHM, version="2.0")
    images = (replace(study.images[0], algorithm=other), *study.images[1:])

    said = "\n".join(notes(replace(study, images=images), study.images[0].header))

    assert f"Model of R CC: {ALGORITHM.name} 2.0" in said
    assert f"Model of L CC, R MLO, L MLO: {ALGORITHM.name} {ALGORITHM.version}" in said


def test_when_nothing_was_analysed_the_model_that_was_due_is_named() -> None:
    assert "Model: " in words(not_analysed=dict.fromkeys(range(4), "UNREADABLE_PIXELS"))


@pytest.mark.parametrize(
    ("findings", "not_analysed", "expected"),
    [
        ((), "", "L CC: no region"),
        ((LESION,), "", "L CC: 1 region"),
        ((LESION, LESION), "", "L CC: 2 regions"),
        ((), "SPECIMEN", "L CC: not analysed"),
    ],
)
def test_a_caption_names_the_view_and_what_was_found(
    findings: tuple[Finding, ...], not_analysed: str, expected: str
) -> None:
    study = make_study([make_mammogram()], findings={0: findings}, not_analysed={0: not_analysed})

    assert caption(study.images[0]) == expected


def test_no_identity_is_among_the_words() -> None:
    said = words(not_analysed={0: "MAGNIFICATION"}) + caption(
        make_study(four_view_study()).images[0]
    )

    for secret in ("Example", "Anna", "MG-0001", "19610203", "A000017"):
        assert secret not in said
