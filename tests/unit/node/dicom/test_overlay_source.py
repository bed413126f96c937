"""What an overlay says of the breast, as far as its source does."""

from __future__ import annotations

from pydicom import Dataset

from tests.factories import make_mammogram
from tests.overlays import overlay_of, overlay_of_one
from tests.results import make_study


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


def test_a_side_that_the_source_says_of_its_series_is_said_of_the_image() -> None:
    """Overlays of both sides share one series, and Laterality is the series'."""
    right = overlay_of_one(ImageLaterality=None, Laterality="R")
    left = overlay_of_one(ImageLaterality=None, Laterality="L")

    assert (right.ImageLaterality, left.ImageLaterality) == ("R", "L")
    assert "Laterality" not in right
    assert right.SeriesInstanceUID == left.SeriesInstanceUID


def test_a_part_of_the_body_that_one_source_names_otherwise_parts_no_series() -> None:
    assert overlay_of_one(BodyPartExamined="LBREAST").BodyPartExamined == "BREAST"


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
