"""Results are Part 10 files, and the same data set is the same file."""

from __future__ import annotations

from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from node.dicom.part10 import encode, file_meta, to_bytes


def small_object() -> Dataset:
    item = Dataset()
    item.CodeValue = "1"
    outer = Dataset()
    outer.PurposeOfReferenceCodeSequence = [item, Dataset()]
    dataset = Dataset()
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = "2.25.1"
    dataset.SourceImageSequence = [outer]
    dataset.PerformedProcedureCodeSequence = []
    dataset.PatientName = "A^B"
    return dataset


def test_what_was_written_is_read_back() -> None:
    again = dcmread(BytesIO(to_bytes(small_object())))

    assert again == small_object()
    assert again.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert again.file_meta.MediaStorageSOPClassUID == SecondaryCaptureImageStorage
    assert again.file_meta.MediaStorageSOPInstanceUID == "2.25.1"


def test_two_data_sets_built_alike_are_one_file() -> None:
    assert to_bytes(small_object()) == to_bytes(small_object())


def test_reading_an_attribute_in_between_changes_nothing() -> None:
    dataset = small_object()
    tag = Tag("PatientID")
    dataset[tag] = RawDataElement(tag, "LO", 4, b"7   ", 0, False, True)
    before = to_bytes(dataset)

    assert dataset.SourceImageSequence[0].PurposeOfReferenceCodeSequence[0].CodeValue == "1"

    assert to_bytes(dataset) == before


def test_raw_elements_are_written_as_they_are() -> None:
    dataset = small_object()
    for keyword, vr, value in (
        ("SpecificCharacterSet", "CS", b"ISO-IR 100"),
        ("PatientID", "LO", b"\xff\x1b$B  "),
    ):
        tag = Tag(keyword)
        dataset[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)

    content = to_bytes(dataset)

    assert b"\x10\x00\x20\x00LO\x06\x00\xff\x1b$B  " in content
    assert b"\x08\x00\x05\x00CS\x0a\x00ISO-IR 100" in content


def test_the_data_set_alone_is_the_end_of_the_file() -> None:
    assert to_bytes(small_object()).endswith(encode(small_object()))


def test_the_file_meta_names_this_software() -> None:
    assert file_meta(small_object()).ImplementationVersionName == "MGNODE"
