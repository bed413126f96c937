"""The same input gives the same UIDs; whatever a result says differently changes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from config.profiles import Profile
from node.dicom.findings import Finding, OtherReport, StudyResult
from node.dicom.geometry import Box
from node.dicom.result_uids import (
    image_result_uid,
    report_uid,
    series_instance_uid,
    tracking_uid,
)
from tests.factories import four_view_study
from tests.overlays import with_long_side
from tests.results import ALGORITHM, COMPLETED_AT, DEVICE, LESION, SECOND_LESION, make_study


def study() -> StudyResult:
    return make_study(
        four_view_study(), findings={0: (LESION, SECOND_LESION)}, not_analysed={3: "TOMOSYNTHESIS"}
    )


CHANGES = {
    "another model version": {"algorithm": replace(ALGORITHM, version="2.0")},
    "another parameter": {"algorithm": replace(ALGORITHM, parameters=("side=801",))},
    "another software version": {"device": replace(DEVICE, software_versions="0.2.0")},
}


GRADED = Profile.model_validate({"cad_sr": {"form": "graded"}})
KINDS = ("cad_sr", "measurement_report", "overlay")


def uids_of(result: StudyResult) -> list[str]:
    """The UIDs of one object of each kind, and of its series."""
    reports = [report_uid(kind, result) for kind in KINDS[:2]]
    overlay = image_result_uid("overlay", result, result.images[0])
    return [*reports, overlay, *(series_instance_uid(k, result, result.algorithm) for k in KINDS)]


def changed(one: StudyResult, other: StudyResult) -> list[bool]:
    return [a != b for a, b in zip(uids_of(one), uids_of(other), strict=True)]


def test_a_model_that_a_person_asked_for_changes_every_uid() -> None:
    """Its name stands in the description of the series: two series, not two descriptions."""
    assert changed(study(), replace(study(), model="site-7")) == [True] * 6


def test_the_reports_that_stand_beside_it_change_a_report_and_no_series() -> None:
    other = replace(study(), beside=(OtherReport("Model 1.0", "1.2.3"),))

    assert changed(study(), other) == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    ("profile", "cad_sr_changes"), [(Profile(), False), (GRADED, True)], ids=["simple", "graded"]
)
def test_boxes_below_the_threshold_change_a_graded_cad_sr_alone(
    profile: Profile, cad_sr_changes: bool
) -> None:
    one = replace(study(), profile=profile)
    weaker = replace(one.images[1], candidates=(replace(LESION, score=0.2),))
    boxes = replace(one, images=(one.images[0], weaker, *one.images[2:]))
    steps = replace(one, algorithm=replace(ALGORITHM, candidate_thresholds=(0.2,)))

    for other in (boxes, steps):
        assert changed(one, other) == [cad_sr_changes, *[False] * 5]


@pytest.mark.parametrize("change", CHANGES)
def test_other_settings_give_other_uids(change: str) -> None:
    one, other = study(), replace(study(), **CHANGES[change])

    assert report_uid("measurement_report", one) != report_uid("measurement_report", other)
    assert image_result_uid("overlay", one, one.images[0]) != image_result_uid(
        "overlay", other, other.images[0]
    )


@pytest.mark.parametrize(
    "attribute", ["software_versions", "station_name", "serial_number", "institution_name"]
)
def test_equipment_that_is_described_otherwise_has_another_series(attribute: str) -> None:
    """General Equipment is the series': dcentvfy takes two of them in one for an error."""
    other = replace(study(), device=replace(DEVICE, **{attribute: "other"}))

    assert series_instance_uid("measurement_report", other, ALGORITHM) != series_instance_uid(
        "measurement_report", study(), ALGORITHM
    )


def test_a_threshold_that_changes_starts_no_series() -> None:
    other = replace(ALGORITHM, parameters=("score_threshold=0.5",))

    assert series_instance_uid("measurement_report", study(), other) == series_instance_uid(
        "measurement_report", study(), ALGORITHM
    )


def test_another_form_of_the_same_objects_is_another_series() -> None:
    other = with_long_side(study(), 800)

    assert series_instance_uid("overlay", other, ALGORITHM) != series_instance_uid(
        "overlay", study(), ALGORITHM
    )
    assert series_instance_uid("measurement_report", other, ALGORITHM) == series_instance_uid(
        "measurement_report", study(), ALGORITHM
    )


def changed_image(place: int, **changes: object) -> StudyResult:
    images = list(study().images)
    images[place] = replace(images[place], **changes)
    return replace(study(), images=tuple(images))


@pytest.mark.parametrize(
    "other",
    [
        changed_image(0, findings=(LESION,)),
        changed_image(0, findings=(replace(LESION, score=0.54322), SECOND_LESION)),
        changed_image(0, findings=(replace(LESION, box=Box(40.3, 50.7, 90.1, 121.0)),)),
        changed_image(1, not_analysed="FOR_PROCESSING"),
        changed_image(1, notes=("IMPLANT",)),
        changed_image(3, not_analysed="UNREADABLE_PIXELS"),
        changed_image(1, algorithm=replace(ALGORITHM, version="0.9")),
        changed_image(1, algorithm=replace(ALGORITHM, parameters=("score_threshold=0.5",))),
        replace(study(), images=study().images[:3]),
        replace(study(), predecessors=(("1.2", "1.3", "1.4"),)),
    ],
)
def test_a_report_that_says_something_else_has_another_uid(other: StudyResult) -> None:
    assert report_uid("measurement_report", other) != report_uid("measurement_report", study())


def test_the_order_of_arrival_changes_no_uid() -> None:
    backwards = replace(study(), images=study().images[::-1])

    assert report_uid("measurement_report", backwards) == report_uid("measurement_report", study())


def test_the_moment_of_completion_changes_no_uid() -> None:
    later = replace(study(), completed_at=COMPLETED_AT + timedelta(days=1))

    assert report_uid("measurement_report", later) == report_uid("measurement_report", study())


def test_a_late_image_changes_no_overlay_of_the_others() -> None:
    early = replace(study(), images=study().images[:2])
    late = replace(study(), predecessors=(("1.2", "1.3", "1.4"),))

    assert image_result_uid("overlay", early, early.images[0]) == image_result_uid(
        "overlay", late, late.images[0]
    )


def test_a_new_model_for_the_study_changes_no_overlay_of_an_image_that_the_old_one_saw() -> None:
    late = replace(changed_image(0, algorithm=ALGORITHM), algorithm=replace(ALGORITHM, version="2"))

    assert image_result_uid("overlay", late, late.images[0]) == image_result_uid(
        "overlay", study(), study().images[0]
    )


def test_every_kind_and_size_has_its_own_uid() -> None:
    one = study()
    uids = {
        series_instance_uid("measurement_report", one, ALGORITHM),
        series_instance_uid("overlay", one, ALGORITHM),
        report_uid("measurement_report", one),
        image_result_uid("overlay", one, one.images[0]),
        image_result_uid("overlay", with_long_side(one, 0), one.images[0]),
        image_result_uid("overlay", one, one.images[1]),
    }

    assert len(uids) == 6


def test_a_box_keeps_its_tracking_uid_within_a_tenth_of_a_pixel() -> None:
    one = study()
    near = replace(LESION, box=Box(40.32, 50.68, 90.11, 120.9), score=0.1, rank=7)
    far = replace(LESION, box=Box(40.41, 50.7, 90.1, 120.9))
    image = one.images[0]

    assert tracking_uid(one, image, near) == tracking_uid(one, image, LESION)
    assert tracking_uid(one, image, far) != tracking_uid(one, image, LESION)
    assert tracking_uid(one, one.images[1], LESION) != tracking_uid(one, image, LESION)


def test_two_boxes_that_round_alike_keep_two_tracking_uids() -> None:
    """OHIF merges groups of one tracking UID: one of the boxes would vanish."""
    twin = Finding(Box(40.31, 50.7, 90.1, 120.9), 0.4, 2)
    one = make_study(four_view_study(), findings={0: (LESION, twin)})
    image = one.images[0]

    assert tracking_uid(one, image, LESION) != tracking_uid(one, image, twin)
