"""OHIF's handler and cornerstone's adapters, as they are published, show every box."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from node.dicom.part10 import to_bytes
from tests.contract import viewer_answers
from tests.contract.forms import FORMS
from tests.contract.studies import STUDIES
from tests.contract.viewer_answers import ADAPTERS, Answers, Case
from tests.contract.written import Mark, StudyFiles

# The first test waits until every form and every study is written.
pytestmark = [pytest.mark.viewers, pytest.mark.timeout(1200)]

FilesNamed = Callable[[str], StudyFiles]
FINDINGS = "findings"


def measurements(report: Dataset) -> Dataset:
    """Give the container of the Measurement Groups."""
    (container,) = [
        item
        for item in report.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "126010"
    ]
    return container


def with_a_plain_number(report: Dataset) -> None:
    """Take the region from below the number, as highdicom writes it."""
    for group in measurements(report).ContentSequence:
        for item in group.ContentSequence:
            if item.ValueType == "NUM":
                del item.ContentSequence


def with_groups_without_region(report: Dataset) -> None:
    with_a_plain_number(report)
    for group in measurements(report).ContentSequence:
        group.ContentSequence = [
            item for item in group.ContentSequence if item.ValueType != "SCOORD"
        ]


def with_swapped_axes(report: Dataset) -> None:
    for element in report.iterall():
        if element.keyword == "GraphicData":
            element.value = np.array(element.value).reshape(-1, 2)[:, ::-1].ravel().tolist()


BROKEN = {
    "plain number": with_a_plain_number,
    "no region": with_groups_without_region,
    "swapped axes": with_swapped_axes,
}


@pytest.fixture(scope="module")
def cases(
    files_named: FilesNamed, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Case], Path]:
    """Give all reports, the broken ones, and a folder."""
    folder = tmp_path_factory.mktemp("viewers")
    found = {}
    for name in [*FORMS, *STUDIES]:
        files = files_named(name)
        for place, made in enumerate(files.of_kind("measurement_report")):
            found[f"{name} {place}"] = Case(made.path, files.images)
    sound = found[f"{FINDINGS} 0"]
    for name, spoil in BROKEN.items():
        report = dcmread(sound.report)
        spoil(report)
        path = folder / f"{name}.dcm"
        path.write_bytes(to_bytes(report))
        found[name] = Case(path, sound.images)
    found["without its images"] = Case(sound.report, ())
    found["an image"] = Case(sound.images[0], sound.images)
    return found, folder


@pytest.fixture(scope="module")
def seen_by_ohif(cases: tuple[dict[str, Case], Path]) -> Answers:
    return viewer_answers.ohif(*cases)


@pytest.fixture(scope="module", params=ADAPTERS)
def hydrated(request: pytest.FixtureRequest, cases: tuple[dict[str, Case], Path]) -> Answers:
    """What one version of the adapters makes of each report."""
    return viewer_answers.adapters(request.param, *cases)


def drawn(answer: dict[str, Any]) -> list[tuple[str, list[float]]]:
    """Give each mark's image and its edges, left, top, right and bottom."""
    found = []
    for mark in answer["marks"]:
        points = np.array(mark["points"])
        found.append((mark["image"], [*points.min(axis=0), *points.max(axis=0)]))
    return sorted(found)


def assert_all_drawn(answer: dict[str, Any], marks: tuple[Mark, ...]) -> None:
    due = sorted((mark.sop_instance_uid, list(mark.box)) for mark in marks)
    seen = drawn(answer)
    assert [image for image, _ in seen] == [image for image, _ in due]
    for (_, edges), (_, box) in zip(seen, due, strict=True):
        assert edges == pytest.approx(box, abs=1e-3)


def each(answers: Answers, files: StudyFiles) -> Iterator[tuple[dict[str, Any], tuple[Mark, ...]]]:
    """Give what was answered of each measurement report, and the marks that it is due."""
    for place, made in enumerate(files.of_kind("measurement_report")):
        yield answers[f"{files.name} {place}"], made.marks


def test_ohif_draws_every_box_at_its_place(reported: StudyFiles, seen_by_ohif: Answers) -> None:
    for answer, marks in each(seen_by_ohif, reported):
        assert answer["isMeasurementReport"]
        assert all(measurement["loaded"] for measurement in answer["measurements"])
        assert_all_drawn(answer, marks)


def test_ohif_offers_to_edit_the_boxes_of_a_report_that_has_some(
    reported: StudyFiles, seen_by_ohif: Answers
) -> None:
    for answer, marks in each(seen_by_ohif, reported):
        assert answer["isRehydratable"] == bool(marks)


def test_ohif_shows_the_score_beside_each_box(reported: StudyFiles, seen_by_ohif: Answers) -> None:
    for answer, marks in each(seen_by_ohif, reported):
        scores = [
            label.removeprefix("Probability of cancer: ")
            for measurement in answer["measurements"]
            for label in measurement["labels"]
            if label.startswith("Probability of cancer: ")
        ]
        assert sorted(scores) == sorted(f"{float(mark.percent):.2f} %" for mark in marks)


def test_cornerstone_makes_a_rectangle_of_every_box(
    reported: StudyFiles, hydrated: Answers
) -> None:
    """Of a report without boxes nobody asks it: OHIF does not offer to edit that."""
    for answer, marks in each(hydrated, reported):
        if not marks:
            assert "error" in answer
            continue
        assert {mark["tool"] for mark in answer["marks"]} == {"RectangleROI"}
        assert {mark["finding"] for mark in answer["marks"]} == {"Lesion"}
        assert_all_drawn(answer, marks)
        labels = sorted(f"Malignancy score {mark.percent} %" for mark in marks)
        assert sorted(mark["label"] for mark in answer["marks"]) == labels


def test_dcmjs_opens_a_file_of_one_character_set_only(seen_by_ohif: Answers) -> None:
    assert seen_by_ohif["utf8 0"]["refusal"] == ""
    assert "multiple character sets" in seen_by_ohif["japanese 0"]["refusal"]


def test_cornerstone_loses_the_box_of_a_plain_number(hydrated: Answers) -> None:
    assert hydrated["plain number"]["marks"] == []


def test_ohif_fails_on_a_group_without_region(seen_by_ohif: Answers, hydrated: Answers) -> None:
    assert "ReferencedSOPSequence" in seen_by_ohif["no region"]["error"]
    assert hydrated["no region"]["marks"] == []


def test_swapped_axes_would_be_seen(
    files_named: FilesNamed, seen_by_ohif: Answers, hydrated: Answers
) -> None:
    for answers in (seen_by_ohif, hydrated):
        with pytest.raises(AssertionError):
            assert_all_drawn(answers["swapped axes"], files_named(FINDINGS).marks)


def test_a_report_whose_images_are_not_there_is_not_drawn(
    seen_by_ohif: Answers, hydrated: Answers
) -> None:
    assert not any(one["loaded"] for one in seen_by_ohif["without its images"]["measurements"])
    assert hydrated["without its images"]["marks"] == []


def test_ohif_has_no_handler_for_what_is_no_report(seen_by_ohif: Answers) -> None:
    assert seen_by_ohif["an image"]["handler"] is None
