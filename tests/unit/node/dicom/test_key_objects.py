"""The Key Object Selection names the images with a box, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydicom import FileDataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from node.dicom.findings import OtherReport, RefusedImage, StudyResult
from node.dicom.key_objects import build_key_objects, key_images, key_objects_uid
from node.dicom.part10 import to_bytes
from node.dicom.separation import Separation
from node.errors import IdentityConflict
from tests.factories import (
    JAPANESE_CHARACTER_SET,
    JAPANESE_NAME,
    four_view_study,
    make_mammogram,
)
from tests.report_tree import evidence, form_of, texts
from tests.results import (
    ALGORITHM,
    LESION,
    SECOND_LESION,
    make_study,
    raw_value,
    stored,
    written,
)

# TID 2010, as PixelMed takes it: relationship, value type and concept of every item.
FORM = """
0 HAS CONCEPT MOD/CODE/121049
0 HAS OBS CONTEXT/CODE/121005
0 HAS OBS CONTEXT/UIDREF/121012
0 HAS OBS CONTEXT/TEXT/121013
0 HAS OBS CONTEXT/TEXT/121014
0 HAS OBS CONTEXT/TEXT/121015
0 HAS OBS CONTEXT/TEXT/121016
0 CONTAINS/TEXT/113012
0 CONTAINS/IMAGE/-
0 CONTAINS/IMAGE/-
""".strip()


def found(**study: Any) -> StudyResult:
    """Four views with boxes in L CC and L MLO; an earlier worker could not read R MLO."""
    return make_study(
        four_view_study(),
        findings={1: (LESION, SECOND_LESION), 3: (LESION,)},
        not_analysed={2: "UNREADABLE_PIXELS"},
        **study,
    )


def selection_of(study: StudyResult) -> FileDataset:
    return written(build_key_objects(study))


def selected(selection: FileDataset) -> list[str]:
    return [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in selection.ContentSequence
        if item.ValueType == "IMAGE"
    ]


def test_the_tree_is_that_of_the_template() -> None:
    selection = selection_of(found())

    assert "\n".join(form_of(selection)) == FORM
    assert selection.ContentTemplateSequence[0].TemplateIdentifier == "2010"
    assert selection.ConceptNameCodeSequence[0].CodeMeaning == "Of Interest"
    assert selection.SOPClassUID == KeyObjectSelectionDocumentStorage
    assert (selection.Modality, selection.SeriesNumber) == ("KO", 9005)


def test_the_images_with_a_box_are_selected_and_are_the_evidence() -> None:
    study = found()
    expected = [study.images[1].sop_instance_uid, study.images[3].sop_instance_uid]

    selection = selection_of(study)

    assert selected(selection) == expected
    assert evidence(selection) == expected


def test_no_image_has_a_purpose_of_reference() -> None:
    """TID 2010 forbids it, and PixelMed says so."""
    for item in selection_of(found()).ContentSequence:
        assert ("ConceptNameCodeSequence" in item) == (item.ValueType != "IMAGE")


def test_the_description_says_what_was_found_where_and_by_what() -> None:
    (said,) = texts(selection_of(found()), "113012")

    assert "(L CC: 2, L MLO: 1)" in said
    assert f"by {ALGORITHM.name} {ALGORITHM.version}." in said
    assert "not for diagnosis" in said


def test_a_study_without_a_box_has_no_selection() -> None:
    study = make_study(four_view_study())

    assert key_images(study) == ()
    with pytest.raises(ValueError, match="no image with a box"):
        build_key_objects(study)


def test_the_header_is_that_of_a_key_object_document() -> None:
    """PS3.3 C.17.6: it is neither verified nor complete, and supersedes nothing."""
    predecessor = (str(KeyObjectSelectionDocumentStorage), "1.2.81", "1.2.80")

    selection = selection_of(found(predecessors=(predecessor,)))

    for keyword in ("CompletionFlag", "VerificationFlag", "PredecessorDocumentsSequence"):
        assert keyword not in selection
    assert selection["ReferencedPerformedProcedureStepSequence"].value == []
    assert selection.ContentDate == "20240305"
    (order,) = selection.ReferencedRequestSequence
    assert order.RequestedProcedureID == "RP1"


@pytest.mark.parametrize(
    "source",
    [
        {"patient_name": JAPANESE_NAME, "specific_character_set": JAPANESE_CHARACTER_SET},
        {"patient_name": JAPANESE_NAME, "specific_character_set": "ISO_IR 192"},
        {"specific_character_set": None},
    ],
)
def test_patient_and_study_are_the_images_to_the_byte(source: dict[str, Any]) -> None:
    """Issuer, description and age were what another writer of such objects left out."""
    optional = {"IssuerOfPatientID": "RIS", "StudyDescription": "Screening", "PatientAge": "063Y"}
    image = stored(make_mammogram(**source, **optional))

    selection = selection_of(make_study([image], findings={0: (LESION,)}))

    for keyword in ("PatientName", *optional):
        assert raw_value(selection, keyword) == raw_value(image, keyword)
    assert selection.get("SpecificCharacterSet") == image.get("SpecificCharacterSet")


def test_what_the_source_lacks_of_type_2_is_there_and_empty() -> None:
    lacking = ("AccessionNumber", "StudyID", "PatientBirthDate", "PatientSex", "StudyTime")
    image = make_mammogram(**dict.fromkeys(lacking))

    selection = selection_of(make_study([image], findings={0: (LESION,)}))

    assert all(keyword in selection and not selection[keyword].value for keyword in lacking)


def test_two_patients_share_no_selection() -> None:
    images = [make_mammogram(), make_mammogram(view="MLO", PatientBirthDate="19500101")]

    with pytest.raises(IdentityConflict):
        build_key_objects(make_study(images, findings={0: (LESION,), 1: (LESION,)}))


def test_the_same_study_gives_the_same_bytes_in_whatever_order_its_images_came() -> None:
    def build(*, backwards: bool) -> bytes:
        study = found()
        images = study.images[::-1] if backwards else study.images
        return to_bytes(build_key_objects(replace(study, images=images)))

    assert build(backwards=False) == build(backwards=True)


def test_what_does_not_change_the_selection_does_not_change_its_uid() -> None:
    """The same one is not made twice: it could not say that it supersedes the first."""
    early = make_study(four_view_study()[:2], findings={1: (LESION,)})
    late = make_study(
        four_view_study(),
        findings={1: (LESION,)},
        refused=(RefusedImage("1.2.9", "", "NOT_DICOM"),),
        beside=(OtherReport("another model 1.0", "1.2.10"),),
        separation=Separation(("PatientID",), 8),
    )

    assert key_objects_uid(early) == key_objects_uid(late)
    assert selection_of(early).SOPInstanceUID == key_objects_uid(early)


def test_another_box_is_another_selection_of_the_same_series() -> None:
    one = make_study(four_view_study(), findings={1: (LESION,)})
    two = make_study(four_view_study(), findings={1: (LESION,), 3: (LESION,)})

    assert key_objects_uid(one) != key_objects_uid(two)
    assert selection_of(one).SeriesInstanceUID == selection_of(two).SeriesInstanceUID


def test_a_selection_that_takes_the_place_of_a_lost_one_is_another() -> None:
    study = found()
    lost = (str(KeyObjectSelectionDocumentStorage), key_objects_uid(study), "1.2.80")

    assert key_objects_uid(replace(study, predecessors=(lost,))) != key_objects_uid(study)
