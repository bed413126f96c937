"""The marks of a CAD SR: where, how sure, from which operating point on, under which code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from node.dicom.cad_report import build_cad_report
from node.dicom.findings import Finding
from node.dicom.geometry import Box
from node.dicom.measurement_report import build_measurement_report
from node.dicom.result_uids import report_uid, tracking_uid
from tests.cad_forms import CANDIDATES, FOUND, GRADED_ALGORITHM, cad_study, with_options
from tests.cad_tree import cad_of, found, images_of, value_of
from tests.factories import COLUMNS, ROWS, four_view_study, make_mammogram
from tests.report_tree import items, texts
from tests.results import ALGORITHM, LESION, SECOND_LESION, make_study, stored, written

REQUIRED, OPTIONAL = "111150", "111151"


def points(finding: Dataset, name: str) -> list[float]:
    return list(items(finding, name)[0].GraphicData)


class TestSimpleForm:
    """Boxes at or above the threshold, all of them to be shown."""

    def test_a_box_has_a_center_and_a_closed_outline_on_its_own_image(self) -> None:
        study = make_study(four_view_study(), findings={1: (LESION,)})
        report = cad_of(study)

        (finding,) = found(report)
        center, outline = (items(finding, name)[0] for name in ("111010", "111041"))
        assert (center.GraphicType, outline.GraphicType) == ("POINT", "POLYLINE")
        assert points(finding, "111010") == pytest.approx([65.2, 85.8], abs=1e-4)
        expected = [40.3, 50.7, 90.1, 50.7, 90.1, 120.9, 40.3, 120.9, 40.3, 50.7]
        assert points(finding, "111041") == pytest.approx(expected, abs=1e-4)
        assert images_of(report, finding) == [study.images[1].sop_instance_uid] * 2

    def test_the_certainty_is_the_score_in_percent(self) -> None:
        (finding,) = found(cad_of(make_study([make_mammogram()], findings={0: (LESION,)})))

        assert value_of(finding, "111012") == "54.3"
        measured = items(finding, "111012")[0].MeasuredValueSequence[0]
        assert "FloatingPointValue" not in measured
        assert measured.MeasurementUnitsCodeSequence[0].CodeValue == "%"
        assert items(finding, "111047") == []

    def test_every_mark_is_to_be_shown_and_has_no_operating_point(self) -> None:
        report = cad_of(cad_study("findings"))

        containers = items(report, "111017", "111034")
        assert len(containers) == 3
        for container in containers:
            assert value_of(container, "111056") == REQUIRED
            assert value_of(container, "111059", "111056") == REQUIRED
            assert items(container, "111059", "111056", "111071") == []
        assert items(report, "111064", "111063", "111022", "111072") == []

    def test_candidates_are_not_in_it(self) -> None:
        study = make_study(
            four_view_study(), candidates={0: CANDIDATES}, algorithm=GRADED_ALGORITHM
        )

        assert found(cad_of(study)) == []
        assert value_of(cad_of(study), "111017") == "111241"

    def test_marks_bear_the_names_that_the_measurement_report_gives(self) -> None:
        study = make_study(
            [*four_view_study(), make_mammogram(sop_instance_uid="2.25.1")],
            findings={**FOUND, 1: (LESION,), 4: (LESION, SECOND_LESION)},
        )
        groups = items(written(build_measurement_report(study)), "126010", "125007")

        for name in ("112039", "112040"):
            there = [value_of(group, name) for group in groups]
            assert [value_of(finding, name) for finding in found(cad_of(study))] == there
            assert len(set(there)) == 6

    def test_an_image_that_another_model_saw_is_listed_under_that(self) -> None:
        study = make_study(four_view_study(), findings={0: (LESION,), 1: (LESION,)})
        old = replace(ALGORITHM, version="0.9", parameters=("score_threshold=0.5",))
        first, *others = study.images
        study = replace(study, images=(replace(first, algorithm=old), *others))

        report = cad_of(study)

        versions = [texts(finding, "111003") for finding in found(report)]
        assert versions == [["0.9"], [ALGORITHM.version]]
        new, before = sorted(
            items(report, "111064", "111063", "111022"),
            key=lambda item: len(images_of(report, item)),
            reverse=True,
        )
        assert texts(before, "111003") == ["0.9"]
        assert texts(before, "111002") == ["score_threshold=0.5"]
        assert images_of(report, before) == [first.sop_instance_uid]
        assert len(images_of(report, new)) == 3


class TestGradedForm:
    """Boxes below the threshold too, each from its operating point on."""

    def test_each_candidate_has_the_first_point_whose_threshold_it_reaches(self) -> None:
        report = cad_of(cad_study("graded_candidates_only"))

        marks = [
            (value_of(f, "112039"), value_of(f, "111056"), value_of(f, "111056", "111071"))
            for f in found(report)
        ]
        # 0.25 and 0.2 reach the threshold 0.2, 0.15 only 0.1, and 0.05 none.
        assert marks == [
            ("L-CC-3", OPTIONAL, "1"),
            ("L-CC-4", OPTIONAL, "1"),
            ("L-CC-5", OPTIONAL, "2"),
            ("L-MLO-3", OPTIONAL, "1"),
        ]
        units = items(found(report)[0], "111056", "111071")[0].MeasuredValueSequence[0]
        assert units.MeasurementUnitsCodeSequence[0].CodeValue == "{1:n}"
        for container in items(report, "111017", "111034"):
            assert value_of(container, "111056") == OPTIONAL

    def test_a_candidate_that_just_reaches_a_point_in_the_detectors_numbers_has_it(self) -> None:
        """0.7 of a setting is more than what is nearest to it in float32, and means the same."""
        score = float(np.float32(0.7))
        study = make_study(
            [make_mammogram()],
            candidates={0: (replace(LESION, score=score),)},
            algorithm=replace(ALGORITHM, candidate_thresholds=(0.7,)),
            profile=with_options(form="graded"),
        )

        assert [value_of(f, "111056", "111071") for f in found(cad_of(study))] == ["1"]

    def test_the_detections_say_how_many_points_there_are(self) -> None:
        report = cad_of(cad_study("graded"))

        (maximum,) = items(report, "111064", "111063", "111022", "111072")
        assert str(maximum.MeasuredValueSequence[0].NumericValue) == "2"
        unit = maximum.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0]
        assert unit.CodeValue == "[arb'U]"

    def test_boxes_above_the_threshold_are_required_and_have_no_point(self) -> None:
        report = cad_of(cad_study("graded"))

        required = [f for f in found(report) if value_of(f, "111056") == REQUIRED]
        assert [value_of(f, "112039") for f in required] == ["R-CC-1", "R-CC-2", "L-MLO-1"]
        assert all(items(f, "111056", "111071") == [] for f in required)

    def test_a_study_of_candidates_alone_is_one_with_findings(self) -> None:
        """They are findings of the report, whatever the reader's slider shows of them."""
        assert value_of(cad_of(cad_study("graded_candidates_only")), "111017") == "111242"

    def test_a_model_without_lower_points_gives_the_simple_form(self) -> None:
        study = make_study(
            four_view_study(),
            findings=FOUND,
            candidates={0: CANDIDATES},
            profile=with_options(form="graded"),
        )
        report = cad_of(study)

        assert {value_of(f, "111056") for f in found(report)} == {REQUIRED}
        assert items(report, "111064", "111063", "111022", "111072") == []

    def test_other_candidates_are_another_object(self) -> None:
        study = cad_study("graded")
        fewer = tuple(replace(image, candidates=image.candidates[:1]) for image in study.images)

        assert report_uid("cad_sr", study) != report_uid("cad_sr", replace(study, images=fewer))

    def test_a_candidate_changes_no_name_of_a_box_above_the_threshold(self) -> None:
        study = make_study([make_mammogram()], findings={0: (LESION,)})
        twin = Finding(LESION.box, 0.15, 2)
        image = replace(study.images[0], candidates=(twin,))

        assert tracking_uid(study, image, LESION) == tracking_uid(study, study.images[0], LESION)
        assert tracking_uid(study, image, twin) != tracking_uid(study, image, LESION)


class TestCodes:
    """Section 1.4: the code of a finding whose type nobody decided."""

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, ("52988006", "SCT")),
            ({"finding_code": "density"}, ("129793001", "SCT")),
            ({"finding_code": "selected_region"}, ("111099", "DCM")),
            ({"codes": "SRT"}, ("M-01100", "SRT")),
            ({"finding_code": "density", "codes": "SRT"}, ("F-01796", "SRT")),
            ({"finding_code": "selected_region", "codes": "SRT"}, ("111099", "DCM")),
        ],
    )
    def test_findings_and_detections_bear_the_code_that_is_set(
        self, options: dict[str, object], expected: tuple[str, str]
    ) -> None:
        study = make_study(four_view_study(), findings=FOUND, profile=with_options(**options))
        report = cad_of(study)

        detections = items(report, "111064", "111063", "111022")
        for item in (*found(report), *detections):
            code = item.ConceptCodeSequence[0]
            assert (code.CodeValue, code.CodingSchemeDesignator) == expected

    def test_a_selected_region_is_described_and_has_no_probability(self) -> None:
        """TID 4006 row 7 forbids the one, TID 4013 demands the other."""
        options = {"finding_code": "selected_region", "probability_of_cancer": True}
        report = cad_of(
            make_study(four_view_study(), findings=FOUND, profile=with_options(**options))
        )

        for finding in found(report):
            assert texts(finding, "111058") != [""]
            assert items(finding, "111047") == []

    @pytest.mark.parametrize("finding_code", ["lesion", "density"])
    def test_a_probability_is_sent_where_the_site_calls_the_score_one(
        self, finding_code: str
    ) -> None:
        options = with_options(finding_code=finding_code, probability_of_cancer=True)
        report = cad_of(make_study(four_view_study(), findings=FOUND, profile=options))

        for finding in found(report):
            assert value_of(finding, "111047") == value_of(finding, "111012")
            assert items(finding, "111058") == []


IMAGE = stored(make_mammogram())
edges = st.floats(-50.0, 400.0, allow_nan=False)


@given(x=st.tuples(edges, edges), y=st.tuples(edges, edges), score=st.floats(0.0, 1.0))
def test_no_mark_leaves_its_image_and_its_center_lies_in_it(
    x: tuple[float, float], y: tuple[float, float], score: float
) -> None:
    box = Box(min(x), min(y), max(x), max(y))
    report = build_cad_report(make_study([IMAGE], findings={0: (Finding(box, score, 1),)}))

    (finding,) = found(report)
    outline, (column, row) = points(finding, "111041"), points(finding, "111010")
    assert 0 <= min(outline[0::2]) <= column <= max(outline[0::2]) <= COLUMNS
    assert 0 <= min(outline[1::2]) <= row <= max(outline[1::2]) <= ROWS
    assert outline[:2] == outline[-2:]
    assert 0.0 <= float(value_of(finding, "111012")) <= 100.0
