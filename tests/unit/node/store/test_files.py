from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from node.store.files import commit_file, intact, write_durably


class Syncs:
    """Records what is synced and named, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[tuple[str, str]] = []
        self._fsync, self._link = os.fsync, os.link
        monkeypatch.setattr(os, "fsync", self._sync)
        monkeypatch.setattr(os, "link", self._name)

    def _sync(self, descriptor: int) -> None:
        self._fsync(descriptor)
        self.steps.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))

    def _name(self, source: Path, target: Path) -> None:
        self._link(source, target)
        self.steps.append(("link", target.name))


def test_a_file_is_synced_then_named_then_its_folder_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooled = tmp_path / "spooled"
    spooled.write_bytes(b"image")
    (tmp_path / "ab").mkdir()
    seen = Syncs(monkeypatch)

    commit_file(spooled, tmp_path / "ab" / "final")

    assert seen.steps == [
        ("fsync", "spooled"),
        # Another process may have made the folder and not synced it yet.
        ("fsync", tmp_path.name),
        ("link", "final"),
        ("fsync", "ab"),
    ]
    assert (tmp_path / "ab" / "final").read_bytes() == b"image"
    assert not spooled.exists()


def test_a_new_folder_is_synced_into_its_parent_before_the_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooled = tmp_path / "spooled"
    spooled.write_bytes(b"image")
    seen = Syncs(monkeypatch)

    commit_file(spooled, tmp_path / "a" / "b" / "final")

    assert seen.steps == [
        ("fsync", "spooled"),
        ("fsync", tmp_path.name),
        ("fsync", "a"),
        ("link", "final"),
        ("fsync", "b"),
    ]
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


def test_a_file_that_has_the_name_already_stays_and_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row may name it, and who brought it may not have synced it yet."""
    (tmp_path / "ab").mkdir()
    final = tmp_path / "ab" / "final"
    final.write_bytes(b"first")
    spooled = tmp_path / "spooled"
    spooled.write_bytes(b"second")
    seen = Syncs(monkeypatch)

    commit_file(spooled, final)

    assert final.read_bytes() == b"first"
    assert not spooled.exists()
    assert seen.steps[-2:] == [("fsync", "final"), ("fsync", "ab")]


def test_a_file_is_written_for_the_owner_alone_and_nothing_is_left_beside_it(
    tmp_path: Path,
) -> None:
    write_durably(tmp_path / "f" / "result.dcm", b"one")
    write_durably(tmp_path / "f" / "result.dcm", b"two")

    assert (tmp_path / "f" / "result.dcm").read_bytes() == b"two"
    assert stat.S_IMODE((tmp_path / "f" / "result.dcm").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["result.dcm"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.dcm"
    write_durably(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_durably(path, b"new")

    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.dcm"]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.unlink(), id="gone"),
        pytest.param(lambda path: path.write_bytes(b"resuLt"), id="another byte"),
        pytest.param(lambda path: path.write_bytes(b"result\0"), id="longer"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: shutil.rmtree(path.parent), id="folder gone"),
    ],
)
def test_a_file_is_intact_until_one_byte_of_it_changes(
    damage: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "results" / "result.dcm"
    write_durably(path, b"result")
    row = {"sha256": hashlib.sha256(b"result").hexdigest(), "size": 6}
    before = intact(path, **row)

    damage(path)

    assert before
    assert not intact(path, **row)


def test_of_a_file_that_cannot_be_read_now_nothing_is_said(tmp_path: Path) -> None:
    """Storage that answers with an error may come back; its results are not given up."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    with pytest.raises(OSError, match="symbolic links"):
        intact(tmp_path / "loop", sha256="0" * 64, size=6)
