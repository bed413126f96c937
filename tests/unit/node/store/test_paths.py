from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from node.store.paths import Layout, instance_path, result_path

SHA256 = "ab" + "0" * 62


JPEG_LS = "1.2.840.10008.1.2.4.80"


def test_an_instance_lies_under_the_sha256_of_its_data_set_and_its_transfer_syntax() -> None:
    assert instance_path(SHA256, JPEG_LS) == f"instances/ab/{SHA256}.{JPEG_LS}.dcm"


@pytest.mark.parametrize("wrong", ["", "../x", "1.2/../3", ".", "1" * 65, "1.2\n"])
def test_what_is_no_transfer_syntax_becomes_no_path(wrong: str) -> None:
    with pytest.raises(ValueError, match="not a UID"):
        instance_path(SHA256, wrong)


def test_a_result_lies_under_the_sha256_of_its_file() -> None:
    assert result_path(SHA256) == f"results/ab/{SHA256}.dcm"


@pytest.mark.parametrize("path_of", [lambda sha256: instance_path(sha256, JPEG_LS), result_path])
@pytest.mark.parametrize(
    "wrong", ["", "ab", "1.2.3", "../" + "0" * 61, SHA256.upper(), SHA256 + "0", SHA256 + "\n"]
)
def test_what_is_no_sha256_becomes_no_path(path_of: Callable[[str], str], wrong: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        path_of(wrong)


@pytest.mark.parametrize("wrong", ["", "/etc/passwd", "../x", "instances/../../x", "/"])
def test_a_row_cannot_name_a_file_outside_the_root(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ValueError, match="below the storage root"):
        Layout(tmp_path).absolute(wrong)


def test_a_relative_path_is_found_below_an_absolute_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert Layout(Path("data")).absolute("run/x") == tmp_path / "data" / "run" / "x"


def test_the_names_of_the_folders_survive_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every image below them is lost, whatever was synced of it."""
    steps: list[str] = []
    sync, make = os.fsync, os.mkdir

    def seen_sync(descriptor: int) -> None:
        sync(descriptor)
        steps.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)

    def seen_make(path: Path, *arguments: int) -> None:
        make(path, *arguments)
        steps.append(f"+{path.name}")

    monkeypatch.setattr(os, "fsync", seen_sync)
    monkeypatch.setattr(os, "mkdir", seen_make)

    Layout(tmp_path / "new" / "root").create()

    for made, parent in [("new", tmp_path.name), ("root", "new"), ("instances", "root")]:
        assert parent in steps[steps.index(f"+{made}") :], f"{parent} is synced after {made}"


def test_a_root_below_a_folder_that_we_may_not_read_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(tmp_path / "closed" / "root")
    open_any = os.open

    def open_allowed(path: Path, flags: int, *rest: int) -> int:
        if path == layout.root.parent:
            raise PermissionError(13, "Permission denied")
        return open_any(path, flags, *rest)

    layout.root.mkdir(parents=True)
    monkeypatch.setattr(os, "open", open_allowed)

    layout.create()

    assert layout.instances.is_dir()


def test_every_folder_is_for_the_owner_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "new" / "root")

    layout.create()
    layout.create()

    folders = [layout.root, *layout.root.iterdir()]
    assert len(folders) == 7
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
