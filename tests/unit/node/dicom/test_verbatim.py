"""Elements go from one data set to another without a byte changed."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from node.dicom.part10 import encode
from node.dicom.verbatim import copied, copied_item, copy_elements, stored_bytes, tag_of
from tests.factories import JAPANESE_CHARACTER_SET, JAPANESE_NAME, make_mammogram
from tests.results import stored


def with_raw(keyword: str, vr: str | None, value: bytes) -> Dataset:
    header = Dataset()
    tag = Tag(keyword)
    header[tag] = RawDataElement(tag, vr, len(value), value, 0, vr is None, True)
    return header


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("PatientID", "LO", b" 0007  "),
        ("PatientName", "PN", b"A^B=\x1b$B;3ED\x1b(B\x1b(B^=  "),
        ("PatientBirthDate", "DA", b"1960.01.01"),
        ("PatientSex", "CS", b"female"),
        ("PatientAge", "AS", b"63"),
        ("StudyDescription", "LO", b"\xff\xfe\x00\x01"),
        ("PatientName", None, b"M\xfcller^Anna"),
    ],
)
def test_odd_values_keep_their_bytes(keyword: str, vr: str | None, value: bytes) -> None:
    source, target = with_raw(keyword, vr, value), Dataset()

    copy_elements(source, target, [keyword])

    assert target.get_item(keyword).value == value + b" " * (len(value) % 2)


def test_the_vr_is_the_dictionary_s_and_not_a_wrong_one_of_the_source() -> None:
    assert copied(with_raw("PatientID", "SH", b"7 "), tag_of("PatientID")).VR == "LO"


def test_an_odd_uid_is_padded_with_a_null() -> None:
    element = copied(with_raw("StudyInstanceUID", "UI", b"1.2.3"), tag_of("StudyInstanceUID"))

    assert element.value == b"1.2.3\0"


def test_what_the_source_lacks_is_left_alone() -> None:
    target = Dataset()
    target.PatientID = "kept"

    copy_elements(Dataset(), target, ["PatientID", "PatientName"])

    assert target.PatientID == "kept"
    assert "PatientName" not in target


def test_an_element_that_was_decoded_is_encoded_in_its_own_character_set() -> None:
    image = make_mammogram(
        patient_name=JAPANESE_NAME, specific_character_set=JAPANESE_CHARACTER_SET
    )
    as_stored = stored(image).get_item("PatientName").value

    assert stored_bytes(image, "PatientName") == as_stored
    assert b"\x1b$B;3ED\x1b(B" in as_stored


def test_nested_items_are_encoded_in_the_character_set_around_them() -> None:
    item = Dataset()
    item.PatientID = "7"
    item.IssuerOfPatientID = "病院"
    image = make_mammogram(specific_character_set="ISO_IR 192", OtherPatientIDsSequence=[item])

    target = Dataset()
    copy_elements(image, target, ["OtherPatientIDsSequence"])

    inner = target.OtherPatientIDsSequence[0].get_item("IssuerOfPatientID")
    assert inner.value == "病院".encode()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_source_of_any_transfer_syntax_gives_the_same_element(syntax: str) -> None:
    item = Dataset()
    item.CodeValue = "1"
    item.CodingSchemeDesignator = "99X"
    item.CodeMeaning = "procedure"
    expected = stored(make_mammogram(ProcedureCodeSequence=[item]))
    source = stored(make_mammogram(ProcedureCodeSequence=[item], transfer_syntax=syntax))
    keywords = ["PatientName", "ProcedureCodeSequence", "Rows", "AnatomicRegionSequence"]
    one, other = Dataset(), Dataset()

    copy_elements(source, one, keywords)
    copy_elements(expected, other, keywords)

    assert encode(one) == encode(other)


def test_numbers_of_a_big_endian_source_are_read_and_not_copied_raw() -> None:
    source = stored(make_mammogram(rows=331, transfer_syntax=ExplicitVRBigEndian))
    target = Dataset()
    copy_elements(source, target, ["Rows"])

    again = dcmread(BytesIO(encode(target)), force=True)
    assert again.Rows == 331


def test_private_attributes_stay_behind() -> None:
    item = Dataset()
    item.CodeValue = "1"
    item.add_new(0x00091001, "LO", "private")

    assert copied_item(item).to_json_dict().keys() == {"00080100"}


def test_a_misspelt_keyword_is_our_own_fault() -> None:
    with pytest.raises(ValueError, match="PatientsName"):
        copy_elements(Dataset(), Dataset(), ["PatientsName"])
