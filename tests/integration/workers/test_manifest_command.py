"""`mgnode manifest` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from models.cases.manifest import read_manifest
from tests.cbis_folder import CbisFolder
from workers.cli import app

HEADER = "image,patient,side,view,density,source,finding,pathology,x0,y0,x1,y1\n"
FILM = "Mass-Training_P_00001_LEFT_CC"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["manifest", *map(str, words)])


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    made = CbisFolder(tmp_path / "collection")
    for patient, pathology in (("P_00001", "MALIGNANT"), ("P_00002", "BENIGN")):
        film = f"Mass-Training_{patient}_LEFT_CC"
        made.film(film)
        made.finding(film, 1, (40, 60, 81, 99))
        made.row(film, 1, pathology)
    return made.write_tables()


def test_the_manifest_of_a_collection_is_one_that_is_read_back(
    tmp_path: Path, collection: Path
) -> None:
    output = tmp_path / "manifest.csv"

    ended = run("cbis-ddsm", collection, "--output", output, "--json")

    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    assert (told["images"], told["cancers"], told["benign_findings"]) == (2, 1, 1)
    assert told["left_out"] == []
    cases = read_manifest(output)
    assert [case.boxes for case in cases] == [((40, 60, 81, 99),), ()]
    assert json.loads(run("check", output, "--json").stdout)["images"] == 2


def test_a_film_that_is_left_out_is_told_and_the_status_is_1(
    tmp_path: Path, collection: Path
) -> None:
    for mask in collection.rglob(f"{FILM}_1/*/*/*.dcm"):
        mask.unlink()

    ended = run("cbis-ddsm", collection, "--output", tmp_path / "manifest.csv")

    assert ended.exit_code == 1
    assert f"left out: P_00001 L CC: {FILM}_1: there is no mask" in ended.stderr
    assert len(read_manifest(tmp_path / "manifest.csv")) == 1


def test_nothing_is_written_when_no_film_can_be_used(tmp_path: Path, collection: Path) -> None:
    for file in collection.rglob("*.dcm"):
        file.unlink()

    ended = run("cbis-ddsm", collection, "--output", tmp_path / "manifest.csv")

    assert ended.exit_code == 1
    assert not (tmp_path / "manifest.csv").exists()


def test_the_problems_of_a_manifest_are_all_told(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(
        HEADER + "none.png,P1,,,,,,,,,,\n" + "".join("a,,,,,,,,,,,\n" for _ in range(90))
    )

    ended = run("check", path)

    assert ended.exit_code == 1
    assert "line 2: there is no file none.png" in ended.stderr
    assert ended.stderr.count("patient is empty") == 90
    assert json.loads(run("check", path, "--json").stdout)["problems"]


def test_the_counts_of_a_good_manifest_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").touch()
    path = tmp_path / "manifest.csv"
    path.write_text(HEADER + "a.png,P1,L,CC,A,film,mass,malignant,1,2,3,4\nb.png,P1,,,,,,,,,,\n")

    ended = run("check", path)

    assert ended.exit_code == 0
    assert "1 malignant" in ended.stdout
    assert "1 CC, 1 not known" in ended.stdout


def test_the_images_are_read_when_that_is_asked_for(tmp_path: Path) -> None:
    Image.new("L", (40, 50)).save(tmp_path / "a.png")
    Image.new("L", (40, 50)).save(tmp_path / "b.png")
    (tmp_path / "c.png").write_text("no picture")
    path = tmp_path / "manifest.csv"
    path.write_text(
        HEADER
        + "a.png,P1,,,,,mass,benign,1,2,40,50\n"
        + "b.png,P1,,,,,mass,benign,1,2,42,50\n"
        + "c.png,P1,,,,,,,,,,\n"
    )

    assert run("check", path).exit_code == 0
    ended = run("check", path, "--images", "--json")

    assert ended.exit_code == 1
    assert json.loads(ended.stdout)["problems"] == [
        "b.png: the box 1, 2, 42, 50 lies outside the image of 40 columns and 50 rows",
        "c.png: UNREADABLE_PICTURE UnidentifiedImageError",
    ]
