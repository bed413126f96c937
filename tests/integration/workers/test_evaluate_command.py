"""`mgnode evaluate` as a person runs it, with a small network of random weights."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from models.cases.case import Box, Case, CaseFinding
from models.cases.manifest import write_manifest
from models.evaluation.detections import ImageDetections, ScoredBox
from models.evaluation.stored import ModelFacts, Stored, read_detections, write_detections
from node.errors import StopError
from tests.tiny_weights import register_tiny
from workers.cli import app

ROWS, COLUMNS = 131, 97
FIGURES = ["figures.csv", "figures.json", "report.html"]
CANCER = Box(20, 30, 60, 80)


pytestmark = pytest.mark.usefixtures("registry")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Write six images of three patients, every other one with a cancer."""
    folder = tmp_path / "cases"
    folder.mkdir()
    generator = np.random.default_rng(4)
    cases = []
    for number in range(6):
        path = folder / f"{number}.png"
        Image.fromarray(generator.integers(0, 255, (ROWS, COLUMNS), np.uint8)).save(path)
        findings = (CaseFinding("mass", "malignant", CANCER),) if number % 2 else ()
        cases.append(Case(path, path.name, f"P{number // 2}", "L", "CC", "B", "digital", findings))
    write_manifest(folder / "manifest.csv", cases)
    return folder / "manifest.csv"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, words)])


def done(*words: str | Path) -> dict[str, Any]:
    ended = run(*words, "--json", "--replicates", "30")
    assert ended.exit_code == 0, ended.output + repr(ended.exception)
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def refused(*words: str | Path) -> str:
    ended = run(*words)
    assert isinstance(ended.exception, StopError), ended.output
    return str(ended.exception)


def made_up(path: Path, *, score: float, name: str = "made-up") -> Path:
    """Store detections that find the cancer of each image, whether there is one or not."""
    boxes = (ScoredBox(*CANCER, score), ScoredBox(0, 0, 9, 9, 0.1))
    model = ModelFacts(name, "Made up", "1+abc", "ab" * 32, "Not for diagnosis.", 0.3, 0.05)
    images = {f"{n}.png": ImageDetections(ROWS, COLUMNS, boxes) for n in range(6)}
    write_detections(path, Stored(model, images))
    return path


@pytest.mark.tensorflow
def test_a_registered_model_is_run_and_judged(
    tmp_path: Path, registry: Path, manifest: Path
) -> None:
    registered = register_tiny(registry)
    output = tmp_path / "out"

    told = done(manifest, "--model", "tiny", "--output", output)

    assert [model["version"] for model in told["models"]] == [registered.version]
    assert sorted(path.name for path in output.iterdir()) == [
        "detections.csv",
        "detections.json",
        *FIGURES,
    ]
    stored = read_detections(output / "detections.json")
    assert stored.model.weights_sha256 == registered.sha256
    assert {(found.rows, found.columns) for found in stored.images.values()} == {(ROWS, COLUMNS)}
    figures = json.loads((output / "figures.json").read_text())
    assert figures["total"]["images"] == 6
    assert figures["total"]["boxes"] == sum(len(found.boxes) for found in stored.images.values())


@pytest.mark.tensorflow
def test_images_that_are_looked_at_together_get_the_boxes_of_their_own(
    tmp_path: Path, registry: Path, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_tiny(registry)
    done(manifest, "--model", "tiny", "--output", tmp_path / "single")
    monkeypatch.setenv("MGNODE_DETECTOR__BATCH_SIZE", "4")

    done(manifest, "--model", "tiny", "--output", tmp_path / "four")

    single, four = (
        read_detections(tmp_path / name / "detections.json").images for name in ("single", "four")
    )
    assert list(single) == list(four)
    for name, found in single.items():
        assert len(found.boxes) > 0
        np.testing.assert_allclose(four[name].boxes, found.boxes, atol=1e-3)


@pytest.mark.tensorflow
def test_two_models_are_compared_on_the_same_cases(
    tmp_path: Path, registry: Path, manifest: Path
) -> None:
    register_tiny(registry)
    register_tiny(registry, "other", seed=8)

    told = done(manifest, "--model", "tiny", "--compare", "other", "--output", tmp_path / "out")

    assert [model["name"] for model in told["models"]] == ["tiny", "other"]
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert figures["compared"]["model"]["name"] == "other"
    assert set(figures["comparison"]) == {"partial_area", "sensitivity_at", "disagreements"}
    assert read_detections(tmp_path / "out" / "detections-compared.json").model.name == "other"
    assert "<h2>Comparison</h2>" in (tmp_path / "out" / "report.html").read_text()


def test_stored_detections_give_the_same_figures_without_the_images(
    tmp_path: Path, manifest: Path
) -> None:
    stored = made_up(tmp_path / "detections.json", score=0.75)
    done(manifest, "--detections", stored, "--output", tmp_path / "first")
    for image in manifest.parent.glob("*.png"):
        image.unlink()

    done(
        manifest, "--detections", tmp_path / "first" / "detections.json", "--output", tmp_path / "b"
    )

    for name in ("figures.json", "figures.csv", "detections.json", "detections.csv"):
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()
    assert "data:image/jpeg" in (tmp_path / "first" / "report.html").read_text()
    assert "The image is not at hand." in (tmp_path / "b" / "report.html").read_text()


def test_the_figures_are_those_of_the_boxes(tmp_path: Path, manifest: Path) -> None:
    """Each cancer is found at 0.75, at which three images without one have a box: 0.5 a image."""
    stored = made_up(tmp_path / "detections.json", score=0.75)

    done(manifest, "--detections", stored, "--output", tmp_path / "out")

    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert figures["partial_area"]["value"] == 0.5
    assert figures["thresholds"]["operating"]["threshold"] == 0.75
    assert figures["thresholds"]["given"]["threshold"] == 0.3
    with (tmp_path / "out" / "detections.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 12


def test_a_wanted_rate_gives_another_threshold(tmp_path: Path, manifest: Path) -> None:
    stored = made_up(tmp_path / "detections.json", score=0.75)

    told = done(
        *(manifest, "--detections", stored, "--output", tmp_path / "out"),
        *("--max-false-positives", "1.5", "--threshold", "0.6"),
    )

    assert told["models"][0]["thresholds"]["operating"] == 0.1
    assert told["models"][0]["thresholds"]["given"] == 0.6


def test_stored_detections_are_compared_with_stored_ones(tmp_path: Path, manifest: Path) -> None:
    one = made_up(tmp_path / "one.json", score=0.75)
    other = made_up(tmp_path / "other.json", score=0.5, name="weaker")

    told = done(manifest, "--detections", one, "--compare", other, "--output", tmp_path / "out")

    assert [model["name"] for model in told["models"]] == ["made-up", "weaker"]


def test_nothing_of_an_earlier_run_stays_beside_other_figures(
    tmp_path: Path, manifest: Path
) -> None:
    output = tmp_path / "out"
    stored = made_up(tmp_path / "one.json", score=0.75)
    other = made_up(tmp_path / "other.json", score=0.5, name="weaker")
    done(manifest, "--detections", stored, "--compare", other, "--output", output)

    done(manifest, "--detections", output / "detections-compared.json", "--output", output)

    assert read_detections(output / "detections.json").model.name == "weaker"
    assert not (output / "detections-compared.json").exists()


def test_a_person_reads_a_table(tmp_path: Path, manifest: Path) -> None:
    stored = made_up(tmp_path / "detections.json", score=0.75)

    ended = run(manifest, "--detections", stored, "--output", tmp_path / "out", "--replicates", "9")

    assert ended.exit_code == 0
    assert "threshold, operating" in ended.stdout
    assert "report.html" in ended.stdout


def test_unreadable_images_are_all_told_before_the_model_is_loaded(
    tmp_path: Path, manifest: Path
) -> None:
    """The weights are none: whoever loads them first would say so."""
    for name in ("1.png", "4.png"):
        (manifest.parent / name).write_text("no picture")
    Image.new("L", (30, 30)).save(manifest.parent / "3.png")
    weights = tmp_path / "weights.h5"
    weights.write_text("no weights")

    told = refused(manifest, "--weights", weights, "--output", tmp_path / "out")

    assert "1.png: UNREADABLE_PICTURE" in told
    assert "3.png: the box 20, 30, 60, 80 lies outside the image of 30 columns" in told
    assert "4.png: UNREADABLE_PICTURE" in told


def test_a_model_that_is_not_here_is_told_before_the_images_are_read(
    tmp_path: Path, manifest: Path
) -> None:
    (manifest.parent / "1.png").write_text("no picture")
    stored = made_up(tmp_path / "detections.json", score=0.75)

    for model in (("--model", "nonesuch"), ("--detections", stored, "--compare", "nonesuch")):
        assert "nonesuch" in refused(manifest, *model, "--output", tmp_path / "out")


def test_the_problems_of_a_manifest_are_told(tmp_path: Path, manifest: Path) -> None:
    (manifest.parent / "2.png").unlink()

    assert "line 4: there is no file 2.png" in refused(manifest, "--output", tmp_path / "out")


def test_detections_of_other_images_are_refused(tmp_path: Path, manifest: Path) -> None:
    stored = read_detections(made_up(tmp_path / "detections.json", score=0.75))
    write_detections(
        tmp_path / "fewer.json",
        replace(stored, images={"0.png": ImageDetections(ROWS, COLUMNS)}),
    )

    told = refused(manifest, "--detections", tmp_path / "fewer.json", "--output", tmp_path / "out")

    assert "5.png: there are no detections of this image" in told


def test_detections_and_a_model_together_are_refused(tmp_path: Path, manifest: Path) -> None:
    stored = made_up(tmp_path / "detections.json", score=0.75)

    told = refused(
        manifest, "--detections", stored, "--model", "tiny", "--output", tmp_path / "out"
    )

    assert "give no --model" in told


def test_an_output_that_is_a_file_is_refused_before_anything_runs(
    tmp_path: Path, manifest: Path
) -> None:
    (tmp_path / "out").write_text("in the way")

    assert "File exists" in refused(manifest, "--model", "nonesuch", "--output", tmp_path / "out")


def test_an_iou_of_nothing_is_refused_before_anything_runs(tmp_path: Path, manifest: Path) -> None:
    told = refused(manifest, "--model", "nonesuch", "--output", tmp_path / "out", "--iou", "0")

    assert "iou_threshold 0.0 is not above 0" in told


@pytest.mark.parametrize("package", ["scipy", "matplotlib", "jinja2"])
def test_a_missing_package_is_told_before_anything_runs(
    tmp_path: Path, manifest: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    told = refused(manifest, "--model", "nonesuch", "--output", tmp_path / "out")

    assert told == f"`mgnode evaluate` needs {package}: install mgnode[train]"
