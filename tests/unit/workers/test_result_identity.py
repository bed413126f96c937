"""Every kind of result says whose it is as the image says it, right or wrong."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from node.dicom.identity import PATIENT, STUDY
from node.dicom.part10 import to_bytes
from node.dicom.utf8 import in_utf8
from tests.character_sets import SETS, header_in, read, set_raw
from tests.every_kind import KINDS, built
from tests.factories import coded
from tests.results import LESION, make_study

# Three headers, each full of what no standard allows; senders send all of it.
INVALID = {
    "of other formats": {
        "PatientBirthDate": ("DA", b"1960.01.01"),
        "PatientBirthTime": ("TM", b"noon"),
        "PatientSex": ("CS", b"W"),
        "PatientAge": ("AS", b"63"),
        "PatientWeight": ("DS", b"60 kg"),
        "PatientSize": ("DS", b"1,70"),
        "StudyDate": ("DA", b"2024-03-05"),
        "StudyTime": ("TM", b"9:15"),
        "TimezoneOffsetFromUTC": ("SH", b"CEST"),
        "PatientIdentityRemoved": ("CS", b"perhaps"),
    },
    "too long": {
        "PatientName": ("PN", b"N" * 70 + b"^A"),
        "PatientID": ("LO", b"7" * 70),
        "IssuerOfPatientID": ("LO", b"I" * 66),
        "AccessionNumber": ("SH", b"12345678901234567890"),
        "StudyID": ("SH", b"more than sixteen letters"),
        "StudyDescription": ("LO", b"D" * 100),
        "PatientSex": ("CS", b"female and more than sixteen"),
        "PatientBirthDate": ("DA", b"19600101-19601231"),
    },
    "with odd bytes": {
        "PatientName": ("PN", b"A^B\\C^D=== "),
        "PatientID": ("LO", b"  00\\017  "),
        "OtherPatientNames": ("PN", b"\\"),
        "AccessionNumber": ("SH", b"\0\0"),
        "StudyDescription": ("LO", b"a\\b\rc\x7f\x01"),
        "PatientComments": ("LT", b"\xff\xfe\x80"),
        "ReferringPhysicianName": ("PN", b"^^^^"),
        "PatientBirthDate": ("DA", b"        "),
        "PatientSex": ("CS", b"F\\M"),
        "StudyID": ("SH", b""),
    },
}


def files(kind: str, *headers: Dataset) -> list[Dataset]:
    """Build the objects of one kind; each image has a box."""
    findings = dict.fromkeys(range(len(headers)), (LESION,))
    return [read(to_bytes(made)) for made in built(kind, make_study(headers, findings=findings))]


@pytest.mark.parametrize("name", INVALID)
@pytest.mark.parametrize("kind", KINDS)
def test_invalid_values_go_into_every_kind_as_they_are(kind: str, name: str) -> None:
    header = header_in(SETS["none"])
    for keyword, (vr, value) in INVALID[name].items():
        set_raw(header, keyword, vr, value)
    source = read(to_bytes(header))

    for made in files(kind, source):
        for keyword in INVALID[name]:
            assert made.get_item(keyword).value == source.get_item(keyword).value, keyword


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_all_of_patient_and_study_that_the_image_has(kind: str) -> None:
    issuer, other = Dataset(), Dataset()
    issuer.UniversalEntityID, issuer.UniversalEntityIDType = "2.16.840.1.113883.19", "ISO"
    other.PatientID, other.IssuerOfPatientID = "X9", "ELSEWHERE"
    source = header_in(
        SETS["IR 100"],
        IssuerOfPatientID="SITE",
        IssuerOfPatientIDQualifiersSequence=[issuer],
        OtherPatientIDsSequence=[other],
        IssuerOfAccessionNumberSequence=[issuer],
        ProcedureCodeSequence=[coded("24606-6", "LN", "MG Breast Screening")],
        EthnicGroup="unknown",
        PatientComments="none",
        PatientWeight="60",
        StudyDescription="Screening",
    )
    present = {keyword for keyword in (*PATIENT, *STUDY) if keyword in source}
    assert len(present) > 18

    for made in files(kind, source):
        for keyword in present:
            assert made[keyword].value == source[keyword].value, keyword


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_the_acquisition_s_or_private_is_in_no_kind(kind: str) -> None:
    source = header_in(SETS["none"], OperatorsName="Op^Otto", ProtocolName="P", StationName="MG1")
    source.private_block(0x0009, "SECRET", create=True).add_new(1, "LO", "private")

    for made in files(kind, source):
        assert not {"OperatorsName", "ProtocolName"} & {e.keyword for e in made.iterall()}
        assert made.get("StationName") != "MG1"
        assert not any(element.tag.is_private for element in made.iterall())


@pytest.mark.parametrize("kind", KINDS)
def test_images_in_two_character_sets_give_objects_that_are_read_in_one(kind: str) -> None:
    """One name in two sets is one patient's; each object has one of them, and all fits it."""
    japanese = header_in(SETS["IR 87"], view="MLO")
    unicode = header_in(SETS["IR 87"]._replace(character_set=None))
    set_raw(unicode, "SpecificCharacterSet", "CS", b"ISO_IR 192")
    for keyword in ("PatientName", "ReferringPhysicianName", "OtherPatientNames"):
        set_raw(unicode, keyword, "PN", SETS["IR 87"].says.encode())

    for made in files(kind, japanese, read(to_bytes(unicode))):
        converted = in_utf8(made)
        assert converted is not None
        name = converted.get_item("PatientName").value
        assert name.decode().rstrip() == SETS["IR 87"].says
