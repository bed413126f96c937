"""Every kind of result in every character set: the source's bytes, or all of it in UTF-8."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.datadict import keyword_for_tag

from config.profiles import Profile
from node.dicom import character_sets, identity
from node.dicom.findings import StudyResult
from node.dicom.part10 import to_bytes
from tests.character_sets import REGULAR, SETS, header_in, read, set_raw
from tests.every_kind import KINDS, built
from tests.results import LESION, make_study

TEXTS = {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}
COPIED = {*identity.PATIENT, *identity.STUDY}
SOURCE_S, UTF_8 = Profile(), Profile(character_set="ISO_IR 192")
NAMES = ("PatientName", "ReferringPhysicianName", "OtherPatientNames")


def study_of(header: Dataset, **study: Any) -> StudyResult:
    return make_study([header], findings={0: (LESION,)}, **study)


def files(kind: str, study: StudyResult) -> list[Dataset]:
    return [read(to_bytes(made)) for made in built(kind, study)]


@cache
def files_in(kind: str, name: str, profile: Profile = SOURCE_S) -> list[Dataset]:
    """Build the objects of one kind from an image in one of the character sets."""
    return files(kind, study_of(header_in(SETS[name]), profile=profile))


def raw(dataset: Dataset, keyword: str) -> bytes:
    return dataset.get_item(keyword).value or b""


def stored_set(dataset: Dataset) -> bytes | None:
    """Find Specific Character Set in the bytes: pydicom decodes it while it reads."""
    if "SpecificCharacterSet" not in dataset:
        return None
    return "\\".join(character_sets.declared(dataset)).encode()


def own_texts(dataset: Dataset) -> list[tuple[str, bytes]]:
    """Every text that was not copied from the image, as bytes."""
    found = []
    for tag in dataset.keys():  # noqa: SIM118 - iterating over values would decode them
        element, keyword = dataset.get_item(tag), keyword_for_tag(tag)
        if element.VR == "SQ":
            if keyword not in COPIED | {"ContributingEquipmentSequence"}:
                found += [text for item in dataset[tag].value for text in own_texts(item)]
        elif element.VR in TEXTS and keyword not in COPIED:
            found.append((keyword, element.value or b""))
    return found


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_copied_has_the_source_s_bytes_and_our_own_words_are_ascii(
    kind: str, name: str
) -> None:
    header = header_in(SETS[name])

    for made in files_in(kind, name):
        assert stored_set(made) == stored_set(header)
        for keyword in NAMES:
            assert raw(made, keyword) == raw(header, keyword), keyword
        assert [text for text in own_texts(made) if not text[1].isascii()] == []
        assert len(own_texts(made)) > 5


# pydicom leaves the escape sequences of ISO 2022 IR 58 in the text.
@pytest.mark.parametrize("name", [name for name in REGULAR if name != "IR 58"])
@pytest.mark.parametrize("kind", KINDS)
def test_pydicom_reads_the_name_in_every_kind(kind: str, name: str) -> None:
    for made in files_in(kind, name):
        assert str(made.PatientName) == SETS[name].says


@pytest.mark.parametrize("name", [name for name, written in SETS.items() if written.says])
@pytest.mark.parametrize("kind", KINDS)
def test_a_profile_gets_every_kind_in_utf_8(kind: str, name: str) -> None:
    header = header_in(SETS[name])

    for made in files_in(kind, name, UTF_8):
        assert made.SpecificCharacterSet == "ISO_IR 192"
        for keyword in NAMES:
            assert raw(made, keyword).decode().rstrip() == SETS[name].says
        plain = raw(made, "PatientID"), raw(made, "StudyInstanceUID")
        assert plain == (raw(header, "PatientID"), raw(header, "StudyInstanceUID"))


@pytest.mark.parametrize("name", ["undeclared", "declared wrongly", "unknown"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_object_whose_texts_nobody_can_read_keeps_their_bytes(kind: str, name: str) -> None:
    header = header_in(SETS[name])

    for made in files_in(kind, name, UTF_8):
        assert stored_set(made) == stored_set(header)
        assert raw(made, "PatientName") == raw(header, "PatientName")


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_with_a_character_set_of_its_own_is_read_in_that_one(kind: str) -> None:
    item = Dataset()
    item.PatientID = "7"
    set_raw(item, "SpecificCharacterSet", "CS", b"ISO_IR 144")
    set_raw(item, "IssuerOfPatientID", "LO", "Люк".encode("iso8859-5"))
    header = header_in(SETS["IR 100"], OtherPatientIDsSequence=[item])

    for made in files(kind, study_of(header)):
        copied = made.OtherPatientIDsSequence[0]
        assert (stored_set(copied), raw(copied, "IssuerOfPatientID")) == (
            b"ISO_IR 144",
            "Люк ".encode("iso8859-5"),
        )
    for made in files(kind, study_of(header, profile=UTF_8)):
        copied = made.OtherPatientIDsSequence[0]
        assert copied.SpecificCharacterSet == "ISO_IR 192"
        assert raw(copied, "IssuerOfPatientID").decode() == "Люк"
        assert raw(made, "PatientName").decode().rstrip() == "Müller^Änne"


@pytest.mark.parametrize("kind", KINDS)
def test_a_converted_object_is_another_object_of_another_series(kind: str) -> None:
    (one, *_), (other, *_) = files_in(kind, "IR 100"), files_in(kind, "IR 100", UTF_8)

    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.SeriesInstanceUID != other.SeriesInstanceUID
