"""Where the data set of a file begins, and the digest that the tests compare."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from node.demo.data_set import data_set_offset
from node.errors import UnreadableDataSet
from tests.part10_files import data_set_digest


def part10(path: Path, *, version: str) -> Dataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.2"
    meta.MediaStorageSOPInstanceUID = "2.25.1"
    meta.ImplementationVersionName = version
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = "2.25.1"
    dataset.save_as(path, enforce_file_format=True)
    return dataset


def test_the_digest_is_of_the_data_set_alone(tmp_path: Path) -> None:
    """Each receiver writes its own File Meta Information; the data set is the sender's."""
    part10(tmp_path / "a.dcm", version="A")
    part10(tmp_path / "b.dcm", version="ANOTHER")
    # (0008,0016) UI of 27 bytes, padded to 28 with its null, and (0008,0018) UI of 6.
    sop_class = b"\x08\x00\x16\x00UI\x1c\x001.2.840.10008.5.1.4.1.1.1.2\0"
    data_set = sop_class + b"\x08\x00\x18\x00UI\x06\x002.25.1"

    expected = hashlib.sha256(data_set).hexdigest()

    assert data_set_digest(tmp_path / "a.dcm") == expected
    assert data_set_digest(tmp_path / "b.dcm") == expected
    assert (tmp_path / "a.dcm").read_bytes() != (tmp_path / "b.dcm").read_bytes()


def test_an_empty_data_set_begins_at_the_end_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    part10(path, version="A")
    with path.open("rb") as stream:
        offset = data_set_offset(stream)
    path.write_bytes(path.read_bytes()[:offset])

    assert data_set_digest(path) == hashlib.sha256(b"").hexdigest()


def test_a_file_without_the_dicm_prefix_has_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\0" * 200)

    with pytest.raises(UnreadableDataSet, match="DICM"):
        data_set_digest(tmp_path / "x")
