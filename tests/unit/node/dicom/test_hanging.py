"""Views hang as readers expect them, whatever order they came in."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom import FileDataset

from node.dicom.findings import ImageResult
from node.dicom.geometry import Box
from node.dicom.hanging import Turn, hang, turn_of
from node.dicom.image_label import label
from tests.factories import four_view_study, make_mammogram
from tests.results import make_study


def view(name: str, side: str, number: int = 0, **attributes: Any) -> FileDataset:
    uid = f"1.2.3.{number}" if number else None
    return make_mammogram(view=name, laterality=side, sop_instance_uid=uid, **attributes)


def hung(images: list[FileDataset], **study: Any) -> list[tuple[str, str]]:
    def name(image: ImageResult | None) -> str:
        return "" if image is None else label(image.header)

    return [(name(left), name(right)) for left, right in hang(make_study(images, **study).images)]


def test_the_right_breast_hangs_on_the_left_and_cc_over_mlo() -> None:
    expected = [("R CC", "L CC"), ("R MLO", "L MLO")]

    assert hung(four_view_study()) == expected
    assert hung(four_view_study()[::-1]) == expected


def test_a_missing_view_leaves_its_place_free() -> None:
    _, left_cc, right_mlo, _ = four_view_study()

    assert hung([left_cc, right_mlo]) == [("", "L CC"), ("R MLO", "")]


def test_further_views_come_after_the_standard_ones() -> None:
    images = [
        view("XCCL", "L"),
        view("CC", "R", 2),
        *four_view_study(),
        view("ML", "R"),
        view("ML", "L"),
        view("CC", "R", 1),
    ]

    assert hung(images)[:2] == [("R CC", "L CC"), ("R MLO", "L MLO")]
    assert sorted(hung(images)[2:]) == sorted(
        [("R CC", ""), ("R CC", ""), ("R ML", "L ML"), ("", "L XCCL")]
    )


def test_images_of_no_known_side_hang_last_and_all_of_them_do() -> None:
    unknown = [view("CC", "L", number, ImageLaterality=None) for number in (1, 2, 3)]

    assert hung([*unknown, *four_view_study()]) == [
        ("R CC", "L CC"),
        ("R MLO", "L MLO"),
        ("CC", "CC"),
        ("CC", ""),
    ]


def test_what_was_not_analysed_hangs_only_for_a_standard_view_that_has_nothing_else() -> None:
    images = [*four_view_study(), view("CC", "R", 1), view("ML", "R")]
    not_analysed = {0: "MAGNIFICATION", 1: "UNREADABLE_PIXELS", 5: "TOMOSYNTHESIS"}

    pairs = hang(make_study(images, not_analysed=not_analysed).images)

    assert [[image and image.not_analysed for image in pair] for pair in pairs] == [
        ["", "UNREADABLE_PIXELS"],
        ["", ""],
    ]


def test_of_a_study_of_nothing_known_nothing_hangs() -> None:
    assert hung([view("ML", "R")], not_analysed={0: "TOMOSYNTHESIS"}) == []


@pytest.mark.parametrize(
    ("name", "side", "orientation", "across", "down"),
    [
        ("CC", "R", ["P", "L"], False, False),
        ("CC", "R", ["A", "R"], True, True),
        ("CC", "L", ["A", "R"], False, False),
        ("CC", "L", ["P", "R"], True, False),
        ("MLO", "L", ["A", "FR"], False, False),
        ("MLO", "L", ["A", "HL"], False, True),
        ("MLO", "R", ["PR", "FL"], False, False),
        ("MLO", "R", ["AFL", "FL"], True, False),
        ("ML", "R", ["P", "H"], False, True),
        ("XCCL", "L", ["A", "L"], False, True),
        # What no mammogram has says nothing.
        ("CC", "R", ["F", "H"], False, False),
        ("CC", "R", ["P"], False, False),
        ("CC", "R", None, False, False),
    ],
)
def test_an_image_is_mirrored_where_its_orientation_is_the_opposite(
    name: str, side: str, orientation: list[str] | None, across: bool, down: bool
) -> None:
    header = view(name, side, PatientOrientation=orientation)

    assert turn_of(header) == Turn(across=across, down=down)


def test_nothing_is_mirrored_that_has_no_known_side() -> None:
    header = view("CC", "L", ImageLaterality=None, PatientOrientation=["P", "L"])

    assert turn_of(header) == Turn(across=False, down=False)


def test_a_box_is_mirrored_with_its_image() -> None:
    """100 columns, 40 rows: 10..30 becomes 70..90, and 5..6 becomes 34..35."""
    box = Box(10, 5, 30, 6)

    assert Turn(across=True, down=False).box(box, rows=40, columns=100) == Box(70, 5, 90, 6)
    assert Turn(across=True, down=True).box(box, rows=40, columns=100) == Box(70, 34, 90, 35)
    assert Turn(across=False, down=False).box(box, rows=40, columns=100) == box
