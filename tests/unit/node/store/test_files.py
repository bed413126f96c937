from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from node.store.files import commit_file, intact, write_durably
from tests.factories import make_mammogram
from tests.part10_files import data_set_digest, part10

ANY = "0" * 64
"""Nobody has the name yet: no checksum is compared."""


def stored_and_spooled(folder: Path) -> tuple[Path, Path]:
    """An image that is stored, and the same one that came again."""
    final, spooled = folder / "ab" / "final", folder / "spooled"
    final.parent.mkdir()
    for path in (final, spooled):
        path.write_bytes(part10(make_mammogram()))
    return final, spooled


class Syncs:
    """Records what is synced and named, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[tuple[str, str]] = []
        self._fsync, self._link, self._replace = os.fsync, os.link, os.replace
        monkeypatch.setattr(os, "fsync", self._sync)
        monkeypatch.setattr(os, "link", self._name)
        monkeypatch.setattr(os, "replace", self._rename)

    def _sync(self, descriptor: int) -> None:
        self._fsync(descriptor)
        self.steps.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))

    def _name(self, source: Path, target: Path) -> None:
        self._link(source, target)
        self.steps.append(("link", target.name))

    def _rename(self, source: Path, target: Path) -> None:
        self._replace(source, target)
        self.steps.append(("replace", target.name))


def test_a_file_is_synced_then_named_then_its_folder_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooled = tmp_path / "spooled"
    spooled.write_bytes(b"image")
    (tmp_path / "ab").mkdir()
    seen = Syncs(monkeypatch)

    commit_file(spooled, tmp_path / "ab" / "final", sha256=ANY)

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

    commit_file(spooled, tmp_path / "a" / "b" / "final", sha256=ANY)

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
    final, spooled = stored_and_spooled(tmp_path)
    # Another version's head before the same data set: a row names this size.
    image = make_mammogram()
    image.file_meta.ImplementationVersionName = "OLD"
    stored = part10(image)
    final.write_bytes(stored)
    assert len(stored) != spooled.stat().st_size
    seen = Syncs(monkeypatch)

    commit_file(spooled, final, sha256=data_set_digest(spooled))

    assert final.read_bytes() == stored
    assert not spooled.exists()
    assert seen.steps[-2:] == [("fsync", "final"), ("fsync", "ab")]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?"), id="a byte"),
        pytest.param(lambda path: os.truncate(path, 1000), id="cut short"),
        pytest.param(lambda path: os.truncate(path, 0), id="empty"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes() + b"\0"), id="longer"),
        pytest.param(lambda path: path.write_bytes(bytes(path.stat().st_size)), id="zeros"),
    ],
)
def test_a_damaged_file_that_has_the_name_is_replaced_durably_in_one_step(
    damage: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final, spooled = stored_and_spooled(tmp_path)
    good = spooled.read_bytes()
    damage(final)
    seen = Syncs(monkeypatch)

    commit_file(spooled, final, sha256=data_set_digest(spooled))

    assert final.read_bytes() == good
    assert not spooled.exists()
    assert seen.steps == [
        ("fsync", "spooled"),
        ("fsync", tmp_path.name),
        ("replace", "final"),
        ("fsync", "ab"),
    ]


def test_a_file_that_cannot_be_synced_is_replaced_by_one_that_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final, spooled = stored_and_spooled(tmp_path)
    before = final.stat().st_ino
    fsync = os.fsync

    def broken(descriptor: int) -> None:
        if os.fstat(descriptor).st_ino == before:
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", broken)

    commit_file(spooled, final, sha256=data_set_digest(spooled))

    assert final.stat().st_ino != before
    assert not spooled.exists()


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
