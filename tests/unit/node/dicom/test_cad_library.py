"""The image library says of each image what its header says, and nothing that it does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from node.dicom import views
from node.dicom.cad_report import build_cad_report
from tests.cad_forms import with_options
from tests.cad_tree import cad_of, value_of
from tests.factories import coded, make_mammogram
from tests.report_tree import items
from tests.results import make_study, stored

# Section 1.8, written down once more: SNOMED CT and SNOMED-RT.
VIEWS = {
    "399162004": "R-10242",
    "399368009": "R-10226",
    "399260004": "R-10224",
    "399352003": "R-10228",
    "399099002": "R-10230",
    "399196006": "R-10244",
    "399192008": "R-1024A",
    "399101009": "R-1024B",
    "399188001": "R-102D0",
    "441555000": "R-40AAA",
    "127457009": "G-8310",
}
MODIFIERS = {
    "399163009": "R-102D6",
    "399055006": "R-102D7",
    "399209000": "R-102D5",
    "399161006": "R-102D2",
    "399011000": "R-102D1",
    "399110001": "R-102C2",
    "399197002": "R-102D3",
    "399226006": "R-102D4",
    "414493004": "R-102CA",
    "415670009": "R-102C9",
    "442581004": "R-40AB3",
    "441752004": "P2-00161",
    "442593008": "R-40ABE",
    "442580003": "R-40AB2",
}
SIDES = {"L": ("80248007", "T-04030"), "R": ("73056007", "T-04020"), "B": ("63762007", "T-04080")}
DESIGNATORS = ("SCT", "SRT")
OLDER_DESIGNATORS = ("SNM3", "99SDM")


def entry(image: Dataset, **options: Any) -> Dataset:
    """Describe one image as the library does."""
    study = make_study([image], profile=with_options(**options))
    (library,) = items(cad_of(study), "111028")
    (only,) = library.ContentSequence
    return only


def code_of(item: Dataset) -> tuple[str, str]:
    code = item.ConceptCodeSequence[0]
    return code.CodeValue, code.CodingSchemeDesignator


ROWS_OF_TID_4020 = [
    ("111044", {"PatientOrientation": ["A", "FR"]}, "A", ""),
    ("111043", {"PatientOrientation": ["A", "FR"]}, "FR", ""),
    ("111060", {"StudyDate": "20240229"}, "20240229", ""),
    ("111061", {"StudyTime": "235959.123456"}, "235959.123456", ""),
    ("111018", {"ContentDate": "20231231"}, "20231231", ""),
    ("111019", {"ContentTime": "0915"}, "0915", ""),
    ("111026", {"ImagerPixelSpacing": ["0.0941", "0.07"]}, "0.07", "mm"),
    ("111066", {"ImagerPixelSpacing": ["0.0941", "0.07"]}, "0.0941", "mm"),
    ("111026", {"PixelSpacing": ["0.05", "0.06"]}, "0.06", "mm"),
    ("111066", {"PixelSpacing": ["0.05", "0.06"]}, "0.05", "mm"),
    ("112011", {"PositionerPrimaryAngle": "-45.5"}, "-45.5", "deg"),
    ("112012", {"PositionerSecondaryAngle": "2"}, "2", "deg"),
    ("110910", {}, "331", "{pixels}"),
    ("110911", {}, "257", "{pixels}"),
]


@pytest.mark.parametrize(("concept", "attributes", "value", "unit"), ROWS_OF_TID_4020)
def test_each_row_gives_the_value_of_the_source(
    concept: str, attributes: dict[str, Any], value: str, unit: str
) -> None:
    described = entry(make_mammogram(**attributes))

    assert value_of(described, concept) == value
    (row,) = items(described, concept)
    assert row.RelationshipType == "HAS ACQ CONTEXT"
    if unit:
        measured = row.MeasuredValueSequence[0]
        assert measured.MeasurementUnitsCodeSequence[0].CodeValue == unit


@pytest.mark.parametrize(
    ("attributes", "concepts"),
    [
        ({"ImageLaterality": None}, ["111027"]),
        ({"ViewCodeSequence": None}, ["111031"]),
        ({"PatientOrientation": None}, ["111044", "111043"]),
        ({"StudyDate": None}, ["111060"]),
        ({"StudyTime": ""}, ["111061"]),
        ({"ContentDate": None}, ["111018"]),
        ({"ContentTime": None}, ["111019"]),
        ({"ImagerPixelSpacing": None}, ["111026", "111066"]),
        ({"ImagerPixelSpacing": ["0", "0.07"]}, ["111026", "111066"]),
        ({"PositionerPrimaryAngle": None}, ["112011"]),
        ({}, ["112012"]),
    ],
)
def test_a_row_is_left_out_where_the_source_has_no_value(
    attributes: dict[str, Any], concepts: list[str]
) -> None:
    described = entry(make_mammogram(**attributes))

    assert [concept for concept in concepts if items(described, concept)] == []
    assert items(described, "110910") != []


def test_the_image_has_no_name_and_its_own_class() -> None:
    image = make_mammogram()
    described = entry(image)

    assert "ConceptNameCodeSequence" not in described
    reference = described.ReferencedSOPSequence[0]
    assert reference.ReferencedSOPClassUID == image.SOPClassUID
    assert reference.ReferencedSOPInstanceUID == image.SOPInstanceUID


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("codes", "place"), [("SCT", 0), ("SRT", 1)])
def test_a_side_is_a_breast_in_the_codes_of_the_reader(side: str, codes: str, place: int) -> None:
    described = entry(make_mammogram(ImageLaterality=side), codes=codes)

    assert code_of(items(described, "111027")[0]) == (SIDES[side][place], codes)


@pytest.mark.parametrize("designator", DESIGNATORS)
@pytest.mark.parametrize("sct", VIEWS)
def test_a_view_is_mapped_from_every_scheme_to_the_reader_s(sct: str, designator: str) -> None:
    image = make_mammogram()
    value = sct if designator == "SCT" else VIEWS[sct]
    image.ViewCodeSequence = [coded(value, designator, "a view")]

    for codes, expected in (("SCT", sct), ("SRT", VIEWS[sct])):
        assert code_of(items(entry(image, codes=codes), "111031")[0]) == (expected, codes)


@pytest.mark.parametrize("designator", DESIGNATORS)
@pytest.mark.parametrize("sct", MODIFIERS)
def test_a_view_modifier_is_mapped_too(sct: str, designator: str) -> None:
    image = make_mammogram()
    value = sct if designator == "SCT" else MODIFIERS[sct]
    image.ViewCodeSequence[0].ViewModifierCodeSequence = [coded(value, designator, "a modifier")]

    for codes, expected in (("SCT", sct), ("SRT", MODIFIERS[sct])):
        (modifier,) = items(entry(image, codes=codes), "111031", "111032")
        assert code_of(modifier) == (expected, codes)
        assert modifier.RelationshipType == "HAS CONCEPT MOD"


@pytest.mark.parametrize("designator", OLDER_DESIGNATORS)
def test_older_names_of_snomed_rt_are_known(designator: str) -> None:
    image = make_mammogram()
    image.ViewCodeSequence = [coded("R-10242", designator, "cranio-caudal")]

    for codes, expected in (("SCT", "399162004"), ("SRT", "R-10242")):
        assert code_of(items(entry(image, codes=codes), "111031")[0]) == (expected, codes)


def test_the_tables_above_are_complete() -> None:
    assert {term.sct: term.srt for term in views.VIEWS} == VIEWS
    assert {term.sct: term.srt for term in views.MODIFIERS} == MODIFIERS


def test_a_modifier_that_nobody_knows_is_left_out() -> None:
    image = make_mammogram()
    image.ViewCodeSequence[0].ViewModifierCodeSequence = [
        coded("1", "99LOCAL", "secret"),
        coded("399161006", "SCT", "Cleavage"),
    ]

    modifiers = items(entry(image), "111031", "111032")

    assert [code_of(modifier) for modifier in modifiers] == [("399161006", "SCT")]


VALUES = st.one_of(
    st.text("0123456789.-+eE\\ APRLHF:", max_size=18).map(str.encode), st.binary(max_size=18)
)
VRS = {
    "StudyDate": "DA",
    "StudyTime": "TM",
    "ContentDate": "DA",
    "ContentTime": "TM",
    "PatientOrientation": "CS",
    "PixelSpacing": "DS",
    "ImagerPixelSpacing": "DS",
    "PositionerPrimaryAngle": "DS",
    "PositionerSecondaryAngle": "DS",
}
HEADER = stored(make_mammogram())


@given(keyword=st.sampled_from(sorted(VRS)), value=VALUES)
def test_whatever_a_header_holds_there_is_a_report(keyword: str, value: bytes) -> None:
    """What is none of its VR is left out; what the report holds stands in the header so."""
    header = Dataset(HEADER)
    tag = Tag(keyword)
    header[tag] = RawDataElement(tag, VRS[keyword], len(value), value, 0, False, True)

    report = build_cad_report(make_study([header]))

    said = " ".join(
        str(element.value)
        for element in items(report, "111028")[0].iterall()
        if element.keyword in ("Date", "Time", "TextValue")
    )
    assert set(said) <= set("0123456789. APRLHF")
