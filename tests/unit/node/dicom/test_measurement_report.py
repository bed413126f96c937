"""The report says what was found, where, by whom, and what was not looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom.uid import (
    BreastTomosynthesisImageStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    KeyObjectSelectionDocumentStorage,
)

from config.profiles import MeasurementReportOptions, Profile
from node.dicom.findings import Finding
from node.dicom.geometry import Box
from node.dicom.result_uids import tracking_uid
from tests.factories import four_view_study, make_mammogram
from tests.report_tree import evidence, form_of, items, library_images, report_of, texts, with_box
from tests.results import ALGORITHM, LESION, make_study

# The form that OHIF, cornerstone, Stone and PixelMed were tried with: relationship, value
# type, concept and depth of every item below the root, written down once more.
FORM = """
0 HAS CONCEPT MOD/CODE/121049
0 HAS OBS CONTEXT/CODE/121005
0 HAS OBS CONTEXT/UIDREF/121012
0 HAS OBS CONTEXT/TEXT/121013
0 HAS OBS CONTEXT/TEXT/121014
0 HAS OBS CONTEXT/TEXT/121015
0 HAS OBS CONTEXT/TEXT/121016
0 HAS CONCEPT MOD/CODE/121058
0 CONTAINS/CONTAINER/111028
1 CONTAINS/CONTAINER/126200
2 CONTAINS/IMAGE/-
3 HAS ACQ CONTEXT/CODE/121139
3 HAS ACQ CONTEXT/CODE/111027
3 HAS ACQ CONTEXT/CODE/111031
3 HAS ACQ CONTEXT/NUM/110910
3 HAS ACQ CONTEXT/NUM/110911
0 CONTAINS/CONTAINER/126010
1 CONTAINS/CONTAINER/125007
2 HAS OBS CONTEXT/TEXT/112039
2 HAS OBS CONTEXT/UIDREF/112040
2 CONTAINS/CODE/276214006
2 CONTAINS/CODE/121071
2 HAS CONCEPT MOD/CODE/363698007
3 HAS CONCEPT MOD/CODE/272741003
2 HAS CONCEPT MOD/TEXT/111001
2 HAS CONCEPT MOD/TEXT/111003
2 HAS CONCEPT MOD/TEXT/111002
2 HAS CONCEPT MOD/TEXT/111002
2 HAS CONCEPT MOD/TEXT/111002
2 HAS CONCEPT MOD/TEXT/111002
2 HAS CONCEPT MOD/TEXT/111002
2 HAS CONCEPT MOD/CODE/111000
2 CONTAINS/NUM/111047
3 INFERRED FROM/SCOORD/260753009
4 SELECTED FROM/IMAGE/111040
2 CONTAINS/SCOORD/111030
3 SELECTED FROM/IMAGE/111040
2 CONTAINS/TEXT/121106
0 CONTAINS/CONTAINER/C0034375
1 HAS CONCEPT MOD/TEXT/111001
1 HAS CONCEPT MOD/TEXT/111003
1 CONTAINS/CODE/111017
1 CONTAINS/TEXT/121106
1 CONTAINS/TEXT/121106
1 CONTAINS/TEXT/121106
""".strip()


def test_the_tree_has_the_form_that_viewers_were_tried_with() -> None:
    study = make_study([make_mammogram()], findings={0: (LESION,)}, notes={0: ("IMPLANT",)})

    report = report_of(study)

    assert "\n".join(form_of(report)) == FORM
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert report.ConceptNameCodeSequence[0].CodeValue == "126000"


@pytest.mark.parametrize(
    ("option", "expected"),
    [("comprehensive", ComprehensiveSRStorage), ("comprehensive3d", Comprehensive3DSRStorage)],
)
def test_the_sop_class_is_the_one_that_the_profile_names(option: str, expected: str) -> None:
    profile = Profile(measurement_report=MeasurementReportOptions(sop_class=option))
    study = with_box()
    standard = report_of(study)

    report = report_of(replace(study, profile=profile))

    assert report.SOPClassUID == report.file_meta.MediaStorageSOPClassUID == expected
    assert list(form_of(report)) == list(form_of(standard))
    is_standard = option == "comprehensive"
    assert (report.SOPInstanceUID == standard.SOPInstanceUID) == is_standard
    assert (report.SeriesInstanceUID == standard.SeriesInstanceUID) == is_standard


class TestWithFindings:
    """Section TID 1410: one group for each box."""

    def test_a_box_is_a_closed_polyline_twice_in_its_group(self) -> None:
        group = items(report_of(with_box()), "126010", "125007")[0]

        region = items(group, "111030")[0]
        below_the_number = items(group, "111047", "260753009")[0]
        expected = [40.3, 50.7, 90.1, 50.7, 90.1, 120.9, 40.3, 120.9, 40.3, 50.7]
        for scoord in (region, below_the_number):
            assert scoord.GraphicType == "POLYLINE"
            assert list(scoord.GraphicData) == pytest.approx(expected, abs=1e-4)
            source = scoord.ContentSequence[0]
            assert source.RelationshipType == "SELECTED FROM"
            assert source.ConceptNameCodeSequence[0].CodeValue == "111040"
        assert region.RelationshipType == "CONTAINS"
        assert below_the_number.RelationshipType == "INFERRED FROM"

    def test_the_box_refers_to_its_own_image(self) -> None:
        study = with_box()

        for region in items(report_of(study), "126010", "125007", "111030"):
            reference = region.ContentSequence[0].ReferencedSOPSequence[0]
            assert reference.ReferencedSOPInstanceUID == study.images[1].sop_instance_uid

    def test_the_score_is_a_percentage_with_one_decimal(self) -> None:
        group = items(report_of(with_box()), "126010", "125007")[0]

        measured = items(group, "111047")[0].MeasuredValueSequence[0]
        assert str(measured.NumericValue) == "54.3"
        assert measured.MeasurementUnitsCodeSequence[0].CodeValue == "%"
        assert texts(group, "121106") == ["Malignancy score 54.3 %"]

    def test_the_group_is_tracked_and_names_side_and_algorithm(self) -> None:
        study = with_box()
        group = items(report_of(study), "126010", "125007")[0]

        assert texts(group, "112039") == ["L-CC-1"]
        tracked = items(group, "112040")[0]
        assert tracked["UID"].value == tracking_uid(study, study.images[1], LESION)
        side = items(group, "363698007", "272741003")[0]
        assert side.ConceptCodeSequence[0].CodeMeaning == "Left"
        assert texts(group, "111001") == [ALGORITHM.name]
        assert texts(group, "111003") == [ALGORITHM.version]
        assert texts(group, "111002") == list(ALGORITHM.parameters)
        assert group.ContentTemplateSequence[0].TemplateIdentifier == "1410"

    def test_a_second_image_of_a_view_keeps_identifiers_apart(self) -> None:
        images = [make_mammogram(sop_instance_uid=uid) for uid in ("1.2.1", "1.2.2")]
        study = make_study(images, findings={0: (LESION,), 1: (LESION,)})

        groups = items(report_of(study), "126010", "125007")

        assert [texts(group, "112039")[0] for group in groups] == ["L-CC-1", "L-CC(2)-1"]

    def test_nothing_is_said_of_images_when_all_were_analysed(self) -> None:
        assert items(report_of(with_box()), "C0034375") == []

    def test_what_was_not_analysed_is_said_beside_the_findings(self) -> None:
        study = make_study(
            four_view_study(), findings={0: (LESION,)}, not_analysed={3: "UNREADABLE_PIXELS"}
        )
        report = report_of(study)

        comments = texts(report, "C0034375", "121106")
        assert any(
            study.images[3].sop_instance_uid in comment and "UNREADABLE_PIXELS" in comment
            for comment in comments
        )
        summary = items(report, "C0034375", "111017")[0].ConceptCodeSequence[0]
        assert summary.CodeValue == "111244"
        assert len(items(report, "126010", "125007")) == 1

    def test_a_box_that_touches_the_border_stays_within_the_image(self) -> None:
        outside = Finding(Box(-0.4, 300.0, 257.00001, 331.2), 0.9, 1)
        report = report_of(make_study([make_mammogram()], findings={0: (outside,)}))

        data = items(report, "126010", "125007", "111030")[0].GraphicData
        assert min(data) >= 0
        assert max(data[0::2]) <= 257
        assert max(data[1::2]) <= 331


class TestWithoutFindings:
    """A study without findings has a report: no report means not processed."""

    def test_it_has_no_measurements_and_says_so(self) -> None:
        report = report_of(make_study(four_view_study()))

        assert items(report, "126010") == []
        summary = items(report, "C0034375", "111017")[0].ConceptCodeSequence[0]
        assert summary.CodeValue == "111241"
        assert texts(report, "C0034375", "121106")[0] == (
            "No region at or above the reporting threshold in 4 of 4 images."
        )

    def test_it_refers_to_every_image(self) -> None:
        study = make_study(four_view_study())
        uids = {image.sop_instance_uid for image in study.images}

        report = report_of(study)

        assert set(library_images(report)) == set(evidence(report)) == uids
        assert len(evidence(report)) == 4

    def test_a_study_of_which_nothing_was_analysed_has_a_report_too(self) -> None:
        study = make_study(
            four_view_study(), not_analysed=dict.fromkeys(range(4), "FOR_PROCESSING")
        )
        report = report_of(study)

        summary = items(report, "C0034375", "111017")[0].ConceptCodeSequence[0]
        assert summary.CodeValue == "111245"
        comments = texts(report, "C0034375", "121106")
        for image in study.images:
            assert sum(image.sop_instance_uid in comment for comment in comments) == 1

    def test_tomosynthesis_is_listed_and_other_objects_are_named_only(self) -> None:
        images = [
            make_mammogram(),
            make_mammogram(
                sop_instance_uid="1.2.7",
                SOPClassUID=BreastTomosynthesisImageStorage,
                NumberOfFrames="40",
            ),
            make_mammogram(sop_instance_uid="1.2.8", SOPClassUID=KeyObjectSelectionDocumentStorage),
        ]
        study = make_study(images, not_analysed={1: "TOMOSYNTHESIS", 2: "NOT_AN_ANALYSED_CLASS"})

        report = report_of(study)

        assert library_images(report) == [images[0].SOPInstanceUID, "1.2.7"]
        assert set(evidence(report)) == {images[0].SOPInstanceUID, "1.2.7"}
        comments = " ".join(texts(report, "C0034375", "121106"))
        assert "1.2.7: TOMOSYNTHESIS" in comments
        assert "1.2.8: NOT_AN_ANALYSED_CLASS" in comments

    def test_a_study_without_any_image_still_says_what_came(self) -> None:
        only = make_mammogram(SOPClassUID=KeyObjectSelectionDocumentStorage)
        report = report_of(make_study([only], not_analysed={0: "NOT_AN_ANALYSED_CLASS"}))

        assert evidence(report) == []
        assert "NOT_AN_ANALYSED_CLASS" in texts(report, "C0034375", "121106")[1]
