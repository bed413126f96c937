"""What a case says of itself."""

from __future__ import annotations

from pathlib import Path

from models.cases.case import VIEWS, Box, Case, CaseFinding
from node.dicom import views

CANCER = CaseFinding("mass", "malignant", Box(1, 2, 30, 41))
CYST = CaseFinding("mass", "benign", Box(50, 60, 70, 85))


def test_the_boxes_to_be_found_are_those_of_the_cancers() -> None:
    case = Case(Path("a.png"), "a.png", "P1", findings=(CYST, CANCER))

    assert case.boxes == ((1, 2, 30, 41),)
    assert case.is_malignant


def test_an_image_with_benign_findings_alone_has_no_box_to_be_found() -> None:
    case = Case(Path("a.png"), "a.png", "P1", findings=(CYST,))

    assert case.boxes == ()
    assert not case.is_malignant


def test_the_views_are_those_of_the_node() -> None:
    assert set(VIEWS) == {term.keyword for term in views.VIEWS} | {""}
