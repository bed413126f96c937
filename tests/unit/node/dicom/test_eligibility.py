"""The table of refusals, written down a second time and tried row by row."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from pydicom import Dataset

from node.dicom.eligibility import NOTES, OWN_DEVICE, RULES, Note, Reason, check
from tests.factories import coded, make_mammogram

MG = "1.2.840.10008.5.1.4.1.1.1.2"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
CR = "1.2.840.10008.5.1.4.1.1.1"
SC = "1.2.840.10008.5.1.4.1.1.7"
NO_BREAST = {"Modality": "DX", "BodyPartExamined": "CHEST", "AnatomicRegionSequence": None}


def with_view(value: str, designator: str, *modifiers: Dataset) -> dict[str, Any]:
    view = coded(value, designator, "a view")
    view.ViewModifierCodeSequence = list(modifiers)
    return {"ViewCodeSequence": [view]}


def cc_with(value: str, designator: str) -> dict[str, Any]:
    return with_view("399162004", "SCT", coded(value, designator, "a modifier"))


def image_type(*behind: str) -> dict[str, Any]:
    return {"ImageType": ["DERIVED", "PRIMARY", *behind]}


FILM: dict[str, Any] = {"SOPClassUID": SC, "ConversionType": "WSD", "ImageType": None}

# The order of section "checks before the detector": reason -> every way to meet it.
REFUSED: dict[Reason, list[dict[str, Any]]] = {
    Reason.OWN_OBJECT: [
        {"Manufacturer": "mgnode", "ManufacturerModelName": "mgnode"},
        {"Manufacturer": "Clinic", "ManufacturerModelName": "mgnode"},
        {"ManufacturerModelName": "MGNODE "},
        {"SOPClassUID": SC, "SecondaryCaptureDeviceManufacturerModelName": "mgnode"},
    ],
    Reason.NOT_AN_ANALYSED_CLASS: [
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.50"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.59"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.11.1"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"},
        {"SOPClassUID": None},
    ],
    Reason.PICTURE: [
        {"SOPClassUID": SC, "ConversionType": "WSD", "ImageType": ["DERIVED", "SECONDARY"]},
        FILM | {"PhotometricInterpretation": "RGB"},
        FILM | {"SourceImageSequence": [coded("121322", "DCM", "Source image")]},
        {"SOPClassUID": SC, "ConversionType": None, "PhotometricInterpretation": "RGB"},
        {"SOPClassUID": SC, "ConversionType": "WSD", "Modality": "OT"},
        NO_BREAST | {"SOPClassUID": SC, "ConversionType": "WSD", "Modality": "OT"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.3", "ConversionType": "DV", "Modality": "OT"},
    ],
    Reason.TOMOSYNTHESIS: [
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.13.1.3"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.13.1.4"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.13.1.5"},
    ],
    Reason.NOT_BREAST: [
        NO_BREAST | {"SOPClassUID": DX},
        NO_BREAST | {"SOPClassUID": CR, "Modality": "CR"},
        NO_BREAST | {"SOPClassUID": SC, "ConversionType": "DF", "Modality": "OT"},
        NO_BREAST | {"Modality": None, "BodyPartExamined": None},
    ],
    Reason.NOT_DIGITISED_FILM: [
        {"SOPClassUID": SC, "ConversionType": None, "Modality": "OT"},
        {"SOPClassUID": SC, "ConversionType": "", "Modality": "DX"},
    ],
    Reason.MULTI_FRAME: [{"NumberOfFrames": 2}, {"NumberOfFrames": 60}],
    Reason.FOR_PROCESSING: [
        {"PresentationIntentType": "FOR PROCESSING"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.2.1"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1.1"},
    ],
    Reason.STEREOTACTIC: [
        image_type("STEREO_SCOUT"),
        image_type("STEREO_PLUS"),
        image_type("STEREO_MINUS"),
        image_type("PREFIRE_PLUS"),
        image_type("POSTFIRE_MINUS"),
    ],
    Reason.GENERATED_2D: [image_type("TOMOSYNTHESIS", "GENERATED_2D"), image_type("GENERATED_2D")],
    Reason.CONTRAST_ENHANCED: [
        image_type("", "SUBTRACTION"),
        image_type("", "ADDITION"),
        image_type("", "", "HIGH_ENERGY"),
    ],
    Reason.MAGNIFICATION: [
        cc_with("399163009", "SCT"),
        cc_with("R-102D6", "SRT"),
        {"EstimatedRadiographicMagnificationFactor": "1.21"},
    ],
    Reason.SPOT_COMPRESSION: [cc_with("399055006", "SCT"), cc_with("R-102D7", "SNM3")],
    Reason.SMALL_FIELD: [
        {"FieldOfViewDimensions": ["90", "90"]},
        {"FieldOfViewDimensions": ["240", "50"]},
        {"FieldOfViewDimensions": "119"},
    ],
    Reason.SPECIMEN: [
        with_view("127457009", "SCT"),
        with_view("G-8310", "SRT"),
        image_type("SPECIMEN"),
        {"ProcedureCodeSequence": [coded("1", "99X", "Radiography of breast specimen")]},
        {"PerformedProtocolCodeSequence": [coded("1", "99X", "Specimen")]},
    ],
    Reason.QUALITY_CONTROL: [
        {"QualityControlImage": "YES"},
        {"QualityControlImage": "BOTH"},
        {"BodyPartExamined": "PHANTOM"},
        {"PatientID": "ACR-phantom-3"},
    ],
    Reason.PHOTOMETRIC: [
        {"PhotometricInterpretation": "PALETTE COLOR"},
        {"PhotometricInterpretation": "RGB"},  # with one sample per pixel
        {"SamplesPerPixel": 3},  # with MONOCHROME2
        {"PhotometricInterpretation": None},
        {"SamplesPerPixel": None},
    ],
    Reason.IMAGE_SIZE: [
        {"Rows": 0},
        {"Columns": 63},
        {"Rows": 30001},
        {"Rows": None},
        {"Columns": None},
    ],
    Reason.BIT_DEPTH: [
        {"BitsStored": 7, "HighBit": 6},
        {"BitsStored": 17},
        {"BitsAllocated": 32, "BitsStored": 16, "HighBit": 15},
        {"BitsAllocated": 8},
        {"HighBit": 10},
        {"HighBit": 16},
        {"BitsStored": None},
    ],
    Reason.MISSING_IDENTITY: [
        {"PatientID": ""},
        {"PatientID": None},
        {"StudyInstanceUID": None},
        {"SeriesInstanceUID": None},
        {"SOPInstanceUID": None},
    ],
}
# No rule gives these: the decoder, the report and a person do.
ELSEWHERE = {
    Reason.UNREADABLE_PIXELS,
    Reason.DECODER_CRASHED,
    Reason.DECODER_MEMORY,
    Reason.DECODER_TIME,
    Reason.UNREADABLE_HEADER,
    Reason.SET_ASIDE,
}

NOTED: dict[Note, list[dict[str, Any]]] = {
    Note.COLOUR: [{"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}],
    Note.NO_LATERALITY: [{"ImageLaterality": None}, {"ImageLaterality": "B"}],
    Note.NO_VIEW: [{"ViewCodeSequence": None}, with_view("1", "99X")],
    Note.UNUSUAL_VIEW: [with_view("399260004", "SCT"), with_view("R-1024A", "SRT")],
    Note.IMPLANT: [{"BreastImplantPresent": "YES"}],
    Note.IMPLANT_DISPLACED: [cc_with("399209000", "SCT"), cc_with("R-102D5", "SRT")],
    Note.PARTIAL_VIEW: [{"PartialView": "YES"}],
    Note.LOSSY: [{"LossyImageCompression": "01"}],
    Note.SHAPE_CONFLICT: [
        {"PresentationLUTShape": "INVERSE"},
        {"photometric": "MONOCHROME1", "PresentationLUTShape": "IDENTITY"},
    ],
    Note.NO_VOI: [{"WindowCenter": None, "WindowWidth": None}],
}

RUNS: dict[str, dict[str, Any]] = {
    "a mammogram": {},
    "of the right breast": {"laterality": "R"},
    "an MLO": {"view": "MLO"},
    "inverted": {"photometric": "MONOCHROME1"},
    "derived, as presentation images are": image_type(""),
    "a low-energy image of contrast mammography": image_type("", "", "LOW_ENERGY"),
    "with no words of intent": {"PresentationIntentType": None, "SOPClassUID": CR},
    "computed radiography of the breast": {"SOPClassUID": CR, "Modality": "CR"},
    "digital X-ray with the old code of the breast": {
        "SOPClassUID": DX,
        "Modality": "DX",
        "BodyPartExamined": None,
        "AnatomicRegionSequence": [coded("T-04000", "SRT", "Breast")],
    },
    "a digitised film": {"SOPClassUID": SC, "Modality": "OT", "ConversionType": "DF"},
    "a scanned image": {"SOPClassUID": SC, "Modality": "OT", "ConversionType": "SI"},
    "a Secondary Capture of Modality MG": {"SOPClassUID": SC, "ConversionType": None},
    "one frame": {"NumberOfFrames": 1},
    "contact geometry": {"EstimatedRadiographicMagnificationFactor": "1.2"},
    "a full field": {"FieldOfViewDimensions": ["240", "180"]},
    "sixteen bits": {"BitsStored": 16, "HighBit": 15},
    "eight bits": {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7},
    "a stored value at the high end": {"BitsStored": 12, "HighBit": 15},
    "no quality control": {"QualityControlImage": "NO"},
}


def cases(table: dict[Any, list[dict[str, Any]]]) -> list[Any]:
    return [
        pytest.param(name, attributes, id=f"{name}-{number}")
        for name, rows in table.items()
        for number, attributes in enumerate(rows)
    ]


@pytest.mark.parametrize(("reason", "attributes"), cases(REFUSED))
def test_each_rule_refuses_with_its_own_reason(reason: Reason, attributes: dict[str, Any]) -> None:
    found = check(make_mammogram(**attributes))

    assert found.reason is reason
    assert found.detail
    assert found.notes == ()


@pytest.mark.parametrize("attributes", RUNS.values(), ids=RUNS.keys())
def test_the_detector_looks_at(attributes: dict[str, Any]) -> None:
    found = check(make_mammogram(**attributes))

    assert found.reason is None
    assert found.detail == ""


@pytest.mark.parametrize(("note", "attributes"), cases(NOTED))
def test_each_note_is_set_by_its_own_attribute(note: Note, attributes: dict[str, Any]) -> None:
    found = check(make_mammogram(**attributes))

    assert found.reason is None
    assert found.notes == (note,)


def test_a_plain_mammogram_has_no_notes() -> None:
    assert check(make_mammogram()).notes == ()


def test_the_rules_stand_in_the_order_of_the_table() -> None:
    assert [rule.reason for rule in RULES] == list(REFUSED)


def test_every_reason_and_every_note_is_tried() -> None:
    assert set(Reason) == set(REFUSED) | ELSEWHERE
    assert set(Note) == set(NOTED) == {note for note, _ in NOTES}


@pytest.mark.parametrize(
    ("first", "second"), list(pairwise(REFUSED)), ids=lambda reason: str(reason)
)
def test_of_two_rules_that_hold_the_earlier_one_speaks(first: Reason, second: Reason) -> None:
    """Every pair of neighbours for which one header can meet both."""
    both = {
        **REFUSED[second][0],
        **REFUSED[first][0],
    }
    image = make_mammogram(**both)

    assert check(image).reason is first


def test_a_raw_tomosynthesis_projection_is_first_of_all_tomosynthesis() -> None:
    image = make_mammogram(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.13.1.5", PresentationIntentType="FOR PROCESSING"
    )

    assert check(image).reason is Reason.TOMOSYNTHESIS


@pytest.mark.parametrize("model", ["mgnode 2", "my mgnode", "", "Halfellipse"])
def test_a_unit_of_another_name_is_no_node_of_ours(model: str) -> None:
    image = make_mammogram(Manufacturer=OWN_DEVICE[0], ManufacturerModelName=model)

    assert check(image).reason is None


@pytest.mark.parametrize("attributes", [row for rows in REFUSED.values() for row in rows])
def test_a_detail_never_names_the_patient(attributes: dict[str, Any]) -> None:
    image = make_mammogram(
        **{"PatientID": "SECRET-1 phantom", "patient_name": "Secret^Person", **attributes}
    )

    detail = check(image).detail.upper()

    assert "SECRET" not in detail
    assert "ACR" not in detail


@pytest.mark.parametrize("word", [*Reason, *Note])
def test_every_keyword_has_a_sentence(word: Reason | Note) -> None:
    assert word.text.endswith(".")
    assert word.value == word.name == str(word)
