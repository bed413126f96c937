"""Each synthetic study ends with the objects that it is due, its boxes on its lesions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydicom import dcmread

from tests.contract.studies import STUDIES, lesions_of
from tests.contract.written import KINDS, StudyFiles

FilesNamed = Callable[[str], StudyFiles]
NOT_LOOKED_AT = {
    "study For Processing only": 4,
    "study magnification": 1,
    "study tomosynthesis": 1,
    "study one image corrupt": 1,
}


@pytest.fixture(params=STUDIES)
def study(request: pytest.FixtureRequest, files_named: FilesNamed) -> StudyFiles:
    """Give each study in turn."""
    return files_named(request.param)


def test_the_boxes_are_where_the_lesions_were_painted(study: StudyFiles) -> None:
    looked_at = {made.source for made in study.of_kind("overlay")}
    painted = [
        (str(image.SOPInstanceUID), tuple(map(float, box)))
        for image in map(dcmread, study.images)
        if image.SOPInstanceUID in looked_at
        for box in lesions_of(image)
    ]

    found = [(mark.sop_instance_uid, tuple(mark.box)) for mark in study.marks]

    assert sorted(found) == sorted(painted)


def test_each_image_that_was_looked_at_has_an_overlay(study: StudyFiles) -> None:
    sources = [made.source for made in study.of_kind("overlay")]

    assert len(set(sources)) == len(sources)
    assert len(sources) == len(study.images) - NOT_LOOKED_AT.get(study.name, 0)


def test_a_study_with_findings_has_every_kind_of_object(files_named: FilesNamed) -> None:
    assert {made.kind for made in files_named("study with findings").results} == set(KINDS)


def test_results_of_two_patients_name_one_each(files_named: FilesNamed) -> None:
    parts = files_named("study mixed patients").by_patient()

    assert len(parts) == 2
    assert {len(results) for _, results in parts} == {len(KINDS) + 2}


def test_a_late_image_supersedes_both_reports(files_named: FilesNamed) -> None:
    for kind in ("cad_sr", "measurement_report"):
        newer, older = files_named("study late image").of_kind(kind)
        (reference,) = (
            instance.ReferencedSOPInstanceUID
            for study in dcmread(newer.path).PredecessorDocumentsSequence
            for series in study.ReferencedSeriesSequence
            for instance in series.ReferencedSOPSequence
        )
        assert reference == dcmread(older.path).SOPInstanceUID
