"""A file of a backup is durable under its name before anything says that it is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from node.store.backup_files import copy_durably, put_aside


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "stored.dcm"
    path.write_bytes(b"image")
    return path


@pytest.mark.parametrize("copy", [False, True], ids=["linked", "copied"])
def test_the_name_of_a_file_is_synced_after_it_was_given(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copy: bool
) -> None:
    target = tmp_path / "backup" / "files" / "stored.dcm"
    synced: list[tuple[str, bool]] = []
    fsync = os.fsync

    def seen(descriptor: int) -> None:
        fsync(descriptor)
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        synced.append((name, target.exists()))

    monkeypatch.setattr(os, "fsync", seen)

    put_aside(source, target, copy=copy)

    assert synced[-1] == ("files", True)
    assert target.read_bytes() == b"image"
    assert target.samefile(source) is not copy


def test_a_file_that_cannot_be_linked_is_copied(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    target = tmp_path / "backup" / "stored.dcm"

    put_aside(source, target, copy=False)

    assert target.read_bytes() == b"image"
    assert not target.samefile(source)


def test_a_file_that_has_just_gone_leaves_none_in_the_backup(tmp_path: Path) -> None:
    target = tmp_path / "backup" / "gone.dcm"

    with pytest.raises(FileNotFoundError):
        copy_durably(tmp_path / "gone.dcm", target)

    assert not target.exists()
