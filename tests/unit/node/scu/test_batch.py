"""Finding what can be sent below some folders."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread
from pydicom.uid import RLELossless

from node.scu.batch import find_objects
from tests.factories import four_view_study, make_mammogram, save_to_folder


def test_a_folder_is_searched_to_its_bottom_in_the_order_of_names(tmp_path: Path) -> None:
    (deep,) = save_to_folder([make_mammogram(laterality="R")], tmp_path / "b" / "c" / "d")
    (shallow,) = save_to_folder([make_mammogram(laterality="L")], tmp_path / "a")

    found = find_objects([tmp_path])

    assert [item.path for item in found.objects] == [shallow, deep]
    assert found.skipped == ()


def test_an_object_is_described_by_its_own_uids(tmp_path: Path) -> None:
    image = make_mammogram(transfer_syntax=RLELossless)
    (path,) = save_to_folder([make_mammogram()], tmp_path)

    (item,) = find_objects([path]).objects

    assert item.sop_instance_uid == image.SOPInstanceUID
    assert item.sop_class_uid == image.SOPClassUID
    assert item.study_instance_uid == image.StudyInstanceUID
    assert item.transfer_syntax_uid == dcmread(path).file_meta.TransferSyntaxUID


def test_a_file_that_is_not_dicom_is_skipped_with_its_reason(tmp_path: Path) -> None:
    note = tmp_path / "README.txt"
    note.write_text("These are the images of Monday.")
    empty = tmp_path / "empty.dcm"
    empty.touch()
    save_to_folder([make_mammogram()], tmp_path)

    found = find_objects([tmp_path])

    assert len(found.objects) == 1
    assert {(item.path, item.reason) for item in found.skipped} == {
        (note, "not a DICOM file"),
        (empty, "not a DICOM file"),
    }


def test_a_dicom_file_without_an_instance_uid_is_skipped(tmp_path: Path) -> None:
    image = make_mammogram()
    path = tmp_path / "no-uid.dcm"
    del image.SOPInstanceUID
    image.save_as(path, enforce_file_format=True)

    found = find_objects([path])

    assert found.objects == ()
    assert "UID" in found.skipped[0].reason


def test_a_header_that_ends_in_the_middle_is_skipped(tmp_path: Path) -> None:
    (path,) = save_to_folder([make_mammogram()], tmp_path)
    path.write_bytes(path.read_bytes()[:500])

    found = find_objects([path])

    assert found.objects == ()
    assert len(found.skipped) == 1


def test_a_path_that_does_not_exist_is_skipped(tmp_path: Path) -> None:
    found = find_objects([tmp_path / "nothing.dcm"])

    assert [item.reason for item in found.skipped] == ["cannot be read: FileNotFoundError"]


def test_a_file_named_twice_is_found_once(tmp_path: Path) -> None:
    paths = save_to_folder(four_view_study(), tmp_path)

    found = find_objects([*paths, tmp_path])

    assert sorted(item.path for item in found.objects) == sorted(paths)
