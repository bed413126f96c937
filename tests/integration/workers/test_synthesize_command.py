"""`mgnode synthesize` as a person runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.cases.manifest import read_manifest
from node.errors import StopError
from workers.cli import app


def test_it_makes_a_folder_that_reads_as_annotated_cases(tmp_path: Path) -> None:
    folder = tmp_path / "cases"

    ended = CliRunner().invoke(app, ["synthesize", str(folder), "--images", "2", "--seed", "6"])

    assert ended.exit_code == 0, ended.output
    assert "2 synthetic images, of no patient" in ended.stdout
    assert len(read_manifest(folder / "manifest.csv")) == 2


def test_the_help_says_that_the_images_show_no_patient() -> None:
    ended = CliRunner().invoke(app, ["synthesize", "--help"])

    assert "show no patient" in " ".join(ended.stdout.split())
    assert "no clinical value" in " ".join(ended.stdout.replace("│", " ").split())


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("")

    ended = CliRunner().invoke(app, ["synthesize", str(taken), "--images", "1"])

    assert isinstance(ended.exception, StopError)
    assert str(taken) in str(ended.exception)


@pytest.mark.parametrize("words", [("--images", "0"), ("--seed", "-1"), ("--processes", "0")])
def test_impossible_numbers_are_refused(tmp_path: Path, words: tuple[str, str]) -> None:
    ended = CliRunner().invoke(app, ["synthesize", str(tmp_path / "new"), *words])

    assert ended.exit_code == 2
    assert not (tmp_path / "new").exists()
