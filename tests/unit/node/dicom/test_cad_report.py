"""The Mammography CAD SR says what was found and looked at, in the form of TID 4000."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from pydicom.uid import MammographyCADSRStorage

from config.profiles import CadSrOptions, Profile
from node.dicom.cad_report import build_cad_report
from node.dicom.findings import RefusedImage
from node.dicom.part10 import to_bytes
from node.errors import IdentityConflict
from tests.cad_forms import CAD_FORMS, cad_study, with_options
from tests.cad_tree import cad_of, form_of, found, images_of, item_at, references, value_of
from tests.factories import four_view_study, make_mammogram
from tests.report_tree import evidence, items, texts
from tests.results import ALGORITHM, COMPLETED_AT, DEVICE, LESION, make_study

# Section by section of TID 4000, written down once more: relationship, value type, concept,
# value and depth of every item below the root.
ALGORITHM_ROWS = """
{0} HAS PROPERTIES/TEXT/111001
{0} HAS PROPERTIES/TEXT/111003
{0} HAS PROPERTIES/TEXT/111002
{0} HAS PROPERTIES/TEXT/111002
{0} HAS PROPERTIES/TEXT/111002
{0} HAS PROPERTIES/TEXT/111002
{0} HAS PROPERTIES/TEXT/111002
""".strip()
FORM = f"""
0 HAS CONCEPT MOD/CODE/121049 = en-US
0 CONTAINS/CONTAINER/111028
1 CONTAINS/IMAGE/-
2 HAS ACQ CONTEXT/CODE/111027 = 80248007
2 HAS ACQ CONTEXT/CODE/111031 = 399162004
2 HAS ACQ CONTEXT/TEXT/111044
2 HAS ACQ CONTEXT/TEXT/111043
2 HAS ACQ CONTEXT/DATE/111060
2 HAS ACQ CONTEXT/TIME/111061
2 HAS ACQ CONTEXT/DATE/111018
2 HAS ACQ CONTEXT/TIME/111019
2 HAS ACQ CONTEXT/NUM/111026
2 HAS ACQ CONTEXT/NUM/111066
2 HAS ACQ CONTEXT/NUM/112011
2 HAS ACQ CONTEXT/NUM/110910
2 HAS ACQ CONTEXT/NUM/110911
0 CONTAINS/CODE/111017 = 111242
1 INFERRED FROM/CONTAINER/111034
2 HAS CONCEPT MOD/CODE/111056 = 111150
2 CONTAINS/CODE/111059 = 52988006
3 HAS CONCEPT MOD/CODE/111056 = 111150
3 HAS OBS CONTEXT/TEXT/112039
3 HAS OBS CONTEXT/UIDREF/112040
{ALGORITHM_ROWS.format(3)}
3 HAS PROPERTIES/NUM/111012
3 HAS PROPERTIES/SCOORD/111010
4 SELECTED FROM -> 1.2.1
3 HAS PROPERTIES/SCOORD/111041
4 SELECTED FROM -> 1.2.1
0 CONTAINS/CODE/111064 = 111222
1 INFERRED FROM/CONTAINER/111063
2 CONTAINS/CODE/111022 = 52988006
{ALGORITHM_ROWS.format(3)}
3 HAS PROPERTIES -> 1.2.1
0 CONTAINS/CODE/111065 = 111225
""".strip()

SUCCESSFUL, FAILED = "111063", "111025"
UNREADABLE, PENDING = "UNREADABLE_PIXELS", "PENDING_AT_TIME_LIMIT"


def test_the_tree_is_that_of_tid_4000() -> None:
    report = cad_of(make_study([make_mammogram()], findings={0: (LESION,)}))

    assert "\n".join(form_of(report)) == FORM
    assert report.ValueType == "CONTAINER"
    assert report.ContinuityOfContent == "SEPARATE"
    assert report.ConceptNameCodeSequence[0].CodeValue == "111036"
    template = report.ContentTemplateSequence[0]
    assert (template.MappingResource, template.TemplateIdentifier) == ("DCMR", "4000")


@pytest.mark.parametrize("name", CAD_FORMS)
def test_every_reference_leads_to_an_image_of_the_library(name: str) -> None:
    report = cad_of(cad_study(name))
    library = items(report, "111028")[0].ContentSequence

    places = [list(item.ReferencedContentItemIdentifier) for item in references(report)]

    assert len(places) > 0 or name == "nothing_due"
    for item, place in zip(references(report), places, strict=True):
        assert item_at(report, place) in library
        assert item_at(report, place).ValueType == "IMAGE"
        # PS3.3 C.17.3: an item by reference has nothing else.
        assert {element.keyword for element in item} == {
            "RelationshipType",
            "ReferencedContentItemIdentifier",
        }


@pytest.mark.parametrize("name", CAD_FORMS)
def test_two_builds_are_byte_identical_whatever_order_the_images_came_in(name: str) -> None:
    one, other = cad_study(name), cad_study(name)
    backwards = replace(other, images=other.images[::-1])

    first = to_bytes(build_cad_report(one))

    assert to_bytes(build_cad_report(other)) == first
    assert to_bytes(build_cad_report(backwards)) == first


@pytest.mark.parametrize(
    ("findings", "not_analysed", "overall", "detections", "lists"),
    [
        ({0: (LESION,)}, {}, "111242", "111222", [SUCCESSFUL]),
        ({}, {}, "111241", "111222", [SUCCESSFUL]),
        ({0: (LESION,)}, {3: UNREADABLE}, "111244", "111223", [SUCCESSFUL, FAILED]),
        ({}, {3: UNREADABLE}, "111243", "111223", [SUCCESSFUL, FAILED]),
        ({}, dict.fromkeys(range(4), UNREADABLE), "111245", "111224", [FAILED]),
        ({0: (LESION,)}, {3: PENDING}, "111244", "111223", [SUCCESSFUL, FAILED]),
        ({}, {3: "ANALYSIS_FAILED"}, "111243", "111223", [SUCCESSFUL, FAILED]),
        ({0: (LESION,)}, {3: "MAGNIFICATION"}, "111242", "111222", [SUCCESSFUL]),
        ({}, {3: "FOR_PROCESSING"}, "111241", "111222", [SUCCESSFUL]),
        ({}, dict.fromkeys(range(4), "TOMOSYNTHESIS"), "111245", "111225", []),
    ],
)
def test_the_summaries_say_what_was_looked_at_and_what_failed(
    findings: dict[int, tuple[object, ...]],
    not_analysed: dict[int, str],
    overall: str,
    detections: str,
    lists: list[str],
) -> None:
    """CID 6047 and CID 6042, and the containers below Summary of Detections."""
    study = make_study(four_view_study(), findings=findings, not_analysed=not_analysed)

    report = cad_of(study)

    assert value_of(report, "111017") == overall
    assert value_of(report, "111064") == detections
    assert value_of(report, "111065") == "111225"
    below = items(report, "111064")[0].get("ContentSequence", [])
    assert [item.ConceptNameCodeSequence[0].CodeValue for item in below] == lists
    marks = [item for item in found(report) if value_of(item, "111056") != "111152"]
    assert len(marks) == len(findings)


def test_each_image_stands_in_the_list_of_what_became_of_it_and_in_no_other() -> None:
    reasons = {1: UNREADABLE, 2: "SPOT_COMPRESSION", 3: "ANALYSIS_FAILED"}
    study = make_study(four_view_study(), not_analysed=reasons)
    uids = [image.sop_instance_uid for image in study.images]

    report = cad_of(study)

    (successful,), (failed,) = (items(report, "111064", name) for name in (SUCCESSFUL, FAILED))
    assert images_of(report, successful) == [uids[0]]
    assert sorted(images_of(report, failed)) == sorted([uids[1], uids[3]])
    library = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in items(report, "111028")[0].ContentSequence
    }
    assert library == set(evidence(report)) == set(uids)


def test_an_image_that_cannot_be_read_is_called_unusable_and_not_shown() -> None:
    study = make_study(four_view_study(), not_analysed={1: UNREADABLE, 2: PENDING})

    report = cad_of(study)

    (quality,) = found(report)
    assert quality.ConceptCodeSequence[0].CodeValue == "111101"
    assert value_of(quality, "111056") == "111152"
    assert value_of(quality, "111052") == "111220"
    assert value_of(quality, "111052", "111050") == "111235"
    assert images_of(report, quality) == [study.images[1].sop_instance_uid]


def test_reasons_stand_in_words_beside_the_summary() -> None:
    study = make_study(four_view_study(), not_analysed={1: UNREADABLE, 2: "SPECIMEN"})
    study = replace(study, refused=(RefusedImage("1.2.99", "", "DAMAGED"),))

    report = cad_of(study)

    (said,) = texts(report, "111017", "111033")
    for word in (UNREADABLE, "SPECIMEN", "1.2.99", "DAMAGED", study.images[1].sop_instance_uid):
        assert word in said
    # TID 4001: the algorithm is mandatory beside a description.
    assert texts(report, "111017", "111001") == [ALGORITHM.name]


def test_nothing_is_described_where_there_is_nothing_to_add() -> None:
    report = cad_of(make_study(four_view_study(), findings={0: (LESION,)}))

    assert texts(report, "111017", "111033") == texts(report, "111017", "111001") == []


def test_a_pending_image_makes_the_report_partial() -> None:
    pending, whole = cad_of(cad_study("pending")), cad_of(cad_study("some_failed"))

    assert (pending.CompletionFlag, whole.CompletionFlag) == ("PARTIAL", "COMPLETE")
    assert "Time limit" in pending.CompletionFlagDescription
    assert "CompletionFlagDescription" not in whole


def test_the_node_is_its_author_in_a_series_of_its_own() -> None:
    study = make_study(four_view_study(), device=replace(DEVICE, institution_name="Clinic"))

    report = cad_of(study)

    assert report.SOPClassUID == MammographyCADSRStorage
    assert report.file_meta.MediaStorageSOPClassUID == MammographyCADSRStorage
    assert (report.Modality, report.SeriesNumber, report.InstanceNumber) == ("SR", 9001, 1)
    (author,) = report.AuthorObserverSequence
    assert author.ObserverType == "DEV"
    assert author.Manufacturer == report.Manufacturer == DEVICE.manufacturer
    assert author.ManufacturerModelName == DEVICE.model_name
    assert author.DeviceUID == ALGORITHM.device_uid
    assert author.StationName == DEVICE.station_name
    assert author.InstitutionName == "Clinic"
    assert author["InstitutionCodeSequence"].is_empty
    assert (report.VerificationFlag, report.PreliminaryFlag) == ("UNVERIFIED", "FINAL")
    assert "VerifyingObserverSequence" not in report
    assert report.ContributingEquipmentSequence[0].Manufacturer == "Phantom Works"
    assert report.ReferencedRequestSequence[0].RequestedProcedureID == "RP1"
    assert report["ReferencedPerformedProcedureStepSequence"].is_empty


def test_the_predecessor_is_named() -> None:
    series = cad_of(cad_study("superseding")).PredecessorDocumentsSequence[0]

    (reference,) = series.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert reference.ReferencedSOPClassUID == MammographyCADSRStorage
    assert reference.ReferencedSOPInstanceUID == "1.2.81"


def test_images_of_two_patients_have_no_report() -> None:
    images = four_view_study()
    images[2].PatientID = "SOMEBODY ELSE"

    with pytest.raises(IdentityConflict):
        build_cad_report(make_study(images))


OPTIONS = [
    {"finding_code": "density"},
    {"finding_code": "selected_region"},
    {"probability_of_cancer": True},
    {"codes": "SRT"},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_another_form_is_another_object(options: dict[str, object]) -> None:
    images = four_view_study()
    one, other = (
        build_cad_report(make_study(images, profile=profile, findings={0: (LESION,)}))
        for profile in (Profile(), with_options(**options))
    )

    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert to_bytes(one) != to_bytes(other)


def test_a_later_completion_moves_the_dates_and_nothing_else() -> None:
    study = cad_study("findings")
    later = replace(study, completed_at=COMPLETED_AT + timedelta(hours=1))
    one, other = cad_of(study), cad_of(later)

    differing = {element.keyword for element in one if other[element.tag] != element}

    dates = {"InstanceCreation", "Content"}
    assert differing == {f"{event}{part}" for event in dates for part in ("Date", "Time")}


def test_a_series_says_its_number_and_description() -> None:
    options = CadSrOptions(series_number=77, series_description="Ward CAD")

    report = cad_of(make_study(four_view_study(), profile=Profile(cad_sr=options)))

    assert (report.SeriesNumber, report.SeriesDescription) == (77, f"Ward CAD {DEVICE.model_name}")
