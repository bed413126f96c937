"""`mgnode train` as a person runs it: from an empty folder to a model that detects."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.cases.case import Case
from models.cases.manifest import write_manifest
from models.registry.folder import find, names, register
from models.training.initial import drawn_tensors
from models.weights_writer import write_weights
from node.errors import StopError
from tests import tiny_training
from workers.cli import app

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CARD = dict.fromkeys(("intended_use", "training_data", "figures", "limits"), "For tests.")
QUICK = (
    *("--set", "epochs=1", "--set", "steps=3", "--set", "workers=1"),
    *("--set", "learning_rate=3e-3", "--set", "deterministic=false"),
)


pytestmark = pytest.mark.usefixtures("registry")


@pytest.fixture
def tiny(registry: Path, tmp_path: Path) -> str:
    """Register a network that is small enough to train."""
    weights = tmp_path / "tiny.h5"
    write_weights(weights, tiny_training.SPEC, drawn_tensors(tiny_training.SPEC, 0))
    return register(registry, tiny_training.SPEC, weights, CARD, now=NOW).name


@pytest.fixture
def cases(tmp_path: Path) -> list[Case]:
    return [tiny_training.case(tmp_path / "images", number) for number in range(4)]


@pytest.fixture
def manifest(tmp_path: Path, cases: list[Case]) -> Path:
    write_manifest(tmp_path / "cases.csv", cases)
    return tmp_path / "cases.csv"


def train(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def stopped(*arguments: object) -> str:
    result = train(*arguments)
    assert isinstance(result.exception, StopError), result.output
    return str(result.exception)


@pytest.mark.tensorflow
def test_a_trained_model_is_registered_and_detects(
    manifest: Path, tiny: str, registry: Path, cases: list[Case]
) -> None:
    arguments = (manifest, "--name", "mine", "--from", tiny, "--folds", 2, *QUICK, "--json")

    result = train(*arguments)

    assert result.exit_code == 0, result.output
    model = find(registry, "mine")
    (told,) = json.loads(result.stdout)
    assert told["version"] == model.version
    assert told["weights_sha256"] == model.sha256
    assert model.spec.score_threshold == told["score_threshold"] >= model.spec.score_floor
    assert (model.spec.classes, model.spec.is_demonstration) == (1, False)
    assert "2 images (2 malignant) of 2 patients" in model.card["training_data"]
    assert "Started from the model tiny (backbone, pyramid, heads)" in model.card["training_data"]
    assert model.card["recipe"]["learning_rate"] == 3e-3
    about = json.loads(Path("mgnode-training/mine/run.json").read_text())
    assert set(about["versions"]) == {"mgnode", "keras", "numpy"}

    from models.detector import Detector

    detector = Detector.load(model.spec, model.weights, expected_sha256=model.sha256)
    found = detector.detect(tiny_training.read(cases[0].image), score_threshold=0.05, max_boxes=5)
    assert len(found.boxes) <= 5
    # The same command again has nothing left to do.
    again = train(*arguments)
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout) == json.loads(result.stdout)


@pytest.mark.tensorflow
def test_every_fold_becomes_a_model(manifest: Path, tiny: str, registry: Path) -> None:
    result = train(
        *(manifest, "--name", "five", "--network", tiny, "--from", "none", "--folds", 2),
        *("--every-fold", "--tensorboard", *QUICK),
    )

    assert result.exit_code == 0, result.output
    assert {"five-1", "five-2"} <= set(names(registry))
    runs = [
        json.loads(Path(f"mgnode-training/{name}/run.json").read_text())
        for name in ("five-1", "five-2")
    ]
    assert runs[0]["training_sha256"] == runs[1]["validation_sha256"]
    assert runs[0]["started_from"] == "random numbers"
    assert Path("mgnode-training/five-1/events.out.tfevents.mgnode").is_file()


def test_every_image_that_cannot_be_read_is_told_by_its_path(
    manifest: Path, tiny: str, cases: list[Case]
) -> None:
    cases[1].image.write_bytes(b"no picture")
    cases[2].image.write_bytes(cases[2].image.read_bytes()[:200])

    text = stopped(manifest, "--name", "mine", "--from", tiny, "--folds", 2, *QUICK)

    assert "2 images cannot be read" in text
    for case in cases[1:3]:
        assert f"{case.image.name}: UNREADABLE_PICTURE" in text


def test_every_line_of_the_manifest_that_is_wrong_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    head = "image,patient,side,view,density,source,finding,pathology,x0,y0,x1,y1"
    path.write_text(f"{head}\nnone.png,p,L,CC,,,,,,,,\nx.png,,Q,CC,,,,,,,,\n", encoding="utf-8")

    text = stopped(path, "--name", "mine")

    assert "line 2" in text
    assert "line 3" in text


def test_what_cannot_be_done_is_told_before_anything_is_trained(
    manifest: Path, tiny: str, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('epochs = 3\nwindows = [1, 2]\noptimizer = "lion"\n', encoding="utf-8")
    broken = tmp_path / "broken.toml"
    broken.write_text("epochs = \n", encoding="utf-8")
    base = (manifest, "--name", "mine", "--from", tiny, "--folds", 2)

    for arguments, text in (
        ((manifest, "--name", "Not A Name"), "--name: a model's name is"),
        ((manifest, "--name", tiny, "--folds", 2), "registered with other weights"),
        ((manifest, "--name", "mine", "--from", "nobody", "--folds", 2), "nobody is no file here"),
        ((*base, "--recipe", recipe), "windows: there is no such setting"),
        ((*base, "--recipe", recipe), "optimizer: 'lion' is none of adam, sgd"),
        ((*base, "--recipe", broken), "broken.toml cannot be read"),
        ((*base, "--set", "epochs"), "write it as NAME=VALUE"),
        ((*base, "--fold", 3), "--fold: there are 2, not 3"),
        ((*base, "--folds", 9), "9 parts need as many patients, there are 4"),
        ((*base, "--set", "freeze=res9"), "no part and no layer of mine starts with 'res9'"),
        ((tmp_path / "gone.csv", "--name", "mine"), "gone.csv"),
    ):
        assert text in stopped(*arguments), arguments
    assert not Path("mgnode-training").exists()
