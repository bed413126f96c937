from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from node.store.paths import Layout, instance_path, result_path

SHA256 = "ab" + "0" * 62


def test_an_instance_lies_under_the_sha256_of_its_data_set() -> None:
    assert instance_path(SHA256) == f"instances/ab/{SHA256}.dcm"


def test_a_result_lies_under_the_sha256_of_its_file() -> None:
    assert result_path(SHA256) == f"results/ab/{SHA256}.dcm"


@pytest.mark.parametrize("path_of", [instance_path, result_path])
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


def test_every_folder_is_for_the_owner_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "new" / "root")

    layout.create()
    layout.create()

    folders = [layout.root, *layout.root.iterdir()]
    assert len(folders) == 7
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
