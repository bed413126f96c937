"""Elements go from one data set to another without a byte changed."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from node.dicom.part10 import encode
from node.dicom.verbatim import (
    copied_item,
    copy_elements,
    not_copied,
    stored_bytes,
)
from tests.factories import JAPANESE_CHARACTER_SET, JAPANESE_NAME, make_mammogram
from tests.results import stored


def with_raw(keyword: str, vr: str | None, value: bytes) -> Dataset:
    header = Dataset()
    tag = Tag(keyword)
    header[tag] = RawDataElement(tag, vr, len(value), value, 0, vr is None, True)
    return header


def copy_of(keyword: str, vr: str | None, value: bytes) -> Any:
    target = Dataset()
    copy_elements(with_raw(keyword, vr, value), target, [keyword])
    return target.get_item(keyword)


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
    assert copy_of(keyword, vr, value).value == value + b" " * (len(value) % 2)


def test_the_vr_is_the_dictionary_s_and_not_a_wrong_one_of_the_source() -> None:
    assert copy_of("PatientID", "SH", b"7 ").VR == "LO"


def test_an_odd_uid_is_padded_with_a_null() -> None:
    assert copy_of("StudyInstanceUID", "UI", b"1.2.3").value == b"1.2.3\0"


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

    copied = copied_item(item)
    assert copied is not None
    assert copied.to_json_dict().keys() == {"00080100"}


CODE = b"\x08\x00\x00\x01\x04\x00\x00\x001234"  # Code Value, Implicit VR Little Endian
ITEM = b"\xfe\xff\x00\xe0" + len(CODE).to_bytes(4, "little") + CODE


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("OtherPatientIDsSequence", "LO", b"12345 "),
        ("OtherPatientIDsSequence", "US", b"\1\0"),
        ("ProcedureCodeSequence", "IS", b"12"),
        ("ProcedureCodeSequence", "UN", b"\0\0"),
        ("ProcedureCodeSequence", "UN", b"garbage!"),
        ("ProcedureCodeSequence", "UN", ITEM[:-2]),
        ("ProcedureCodeSequence", None, b"\xfe\xff\x00\xe0\x7f\0\0\0"),
        ("PatientID", "US", b"\1\0"),
        ("PatientID", "FD", bytes(8)),
        ("PatientName", "SQ", b""),
        ("PatientID", "UT", b"7" * 70_000),
        ("Rows", "LO", b"331 "),
        ("Rows", "US", b"\1\0\1"),
    ],
)
def test_what_is_no_value_of_its_vr_stays_behind_and_is_named(
    keyword: str, vr: str | None, value: bytes
) -> None:
    source = with_raw(keyword, vr, value)

    assert copy_of(keyword, vr, value) is None
    assert not_copied(source, [keyword, "StudyID"]) == (keyword,)
    assert stored_bytes(source, keyword) == b""


def test_a_sequence_of_unknown_vr_that_holds_items_is_copied() -> None:
    (item,) = copy_of("ProcedureCodeSequence", "UN", ITEM).value

    assert item.get_item("CodeValue").value == b"1234"
    assert (
        not_copied(with_raw("ProcedureCodeSequence", "UN", ITEM), ["ProcedureCodeSequence"]) == ()
    )


def test_a_sequence_with_one_bad_value_deep_within_stays_behind_whole() -> None:
    """Without its issuer an identifier would be another one."""
    item = with_raw("IssuerOfPatientIDQualifiersSequence", "LO", b"site")
    item.PatientID = "7"
    source, target = Dataset(), Dataset()
    source.OtherPatientIDsSequence = [item]

    copy_elements(source, target, ["OtherPatientIDsSequence"])

    assert "OtherPatientIDsSequence" not in target
    assert copied_item(item) is None


def test_a_misspelt_keyword_is_our_own_fault() -> None:
    with pytest.raises(ValueError, match="PatientsName"):
        copy_elements(Dataset(), Dataset(), ["PatientsName"])
