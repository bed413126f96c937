"""Which model a process runs: by its settings, by the registry, and which never."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from config.detecting import DetectorSettings
from config.settings import Settings
from models import layout
from models.registry import folder
from models.registry.errors import Refused
from models.registry.folder import find, register
from models.spec import SPECS
from models.weights_writer import write_weights
from node.errors import StopError
from tests.tiny_weights import CARD, REGISTERED_AT, register_tiny, write_tiny
from workers.gpu import load_detector
from workers.operating_point import operating_point
from workers.weights import chosen_model, demo_detector, title_of

needs_tensorflow = pytest.mark.tensorflow


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "storage" / "models"


def settings(root: Path, **detector: object) -> Settings:
    return Settings.model_validate({"storage": {"root": root.parent}, "detector": detector})


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put random weights of the demonstration's network where mgnode keeps the real ones."""
    spec = SPECS["demonstration"]
    generator = np.random.default_rng(3)
    path = tmp_path / "demonstration.h5"
    write_weights(
        path,
        spec,
        {
            name: generator.normal(0, 0.05, shape).astype(np.float32)
            for name, shape in layout.tensors(spec).items()
        },
    )
    monkeypatch.setattr(folder, "_bundled_path", lambda: path)
    return path


@needs_tensorflow
def test_a_registered_model_is_found_with_its_checksum(root: Path) -> None:
    model = register_tiny(root)

    chosen = chosen_model(settings(root, model="tiny"))

    assert (chosen.spec, chosen.weights, chosen.sha256) == (model.spec, model.weights, model.sha256)


@needs_tensorflow
def test_a_named_file_goes_before_the_registered_one(root: Path, tmp_path: Path) -> None:
    model = register_tiny(root)
    other = write_tiny(tmp_path / "other.h5", seed=2)

    chosen = chosen_model(settings(root, model="tiny", weights=other))

    assert (chosen.spec, chosen.weights, chosen.sha256) == (model.spec, other, None)


def test_a_file_of_a_known_model_needs_no_registry(root: Path, tmp_path: Path) -> None:
    given = tmp_path / "w.h5"
    given.touch()

    chosen = chosen_model(settings(root, weights=given, weights_sha256="ab" * 32))

    assert (chosen.spec, chosen.sha256) == (SPECS["ueda2022"], "ab" * 32)


def test_a_file_that_is_not_there_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(StopError, match=r"detector\.weights: there is no file .*gone\.h5"):
        chosen_model(settings(root, weights=tmp_path / "gone.h5"))


def test_a_model_that_is_not_here_says_which_command_gets_it(root: Path) -> None:
    with pytest.raises(StopError, match=r"detector\.model: .*`mgnode model fetch ueda2022`"):
        chosen_model(settings(root))


def test_an_unknown_model_says_where_the_names_are(root: Path) -> None:
    with pytest.raises(StopError, match=r"no model is called site-7; `mgnode model list`"):
        chosen_model(settings(root, model="site-7"))


@needs_tensorflow
def test_a_registered_file_that_was_changed_does_not_start(root: Path) -> None:
    model = register_tiny(root)
    model.weights.write_bytes(model.weights.read_bytes() + b"\0")

    with pytest.raises(StopError, match=r"detector\.model: .*not the expected"):
        load_detector(settings(root, model="tiny"))


@needs_tensorflow
def test_a_registered_model_starts_and_gives_its_own_operating_point(root: Path) -> None:
    register_tiny(root, score_threshold=0.42, max_boxes=3)
    chosen = settings(root, model="tiny")

    detector = load_detector(chosen)

    assert detector.spec.name == "tiny"
    assert operating_point(chosen.detector, detector.spec) == (0.42, 3)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, (0.42, 3)),
        ({"score_threshold": 0.9}, (0.9, 3)),
        ({"max_boxes": 7}, (0.42, 7)),
        ({"score_threshold": 0.1, "max_boxes": 1}, (0.1, 1)),
    ],
)
def test_a_setting_goes_before_the_models_own_operating_point(
    given: dict[str, float], wanted: tuple[float, int]
) -> None:
    spec = replace(SPECS["ueda2022"], score_threshold=0.42, max_boxes=3)

    assert operating_point(DetectorSettings.model_validate(given), spec) == wanted


@needs_tensorflow
@pytest.mark.usefixtures("bundled")
def test_the_demonstration_model_never_answers_for_a_real_one(root: Path) -> None:
    with pytest.raises(StopError, match=r"no clinical value .*`mgnode model fetch ueda2022`"):
        load_detector(settings(root, model="demonstration"))


@needs_tensorflow
@pytest.mark.usefixtures("bundled")
def test_the_demonstration_model_answers_whoever_asks_for_it_by_name(
    root: Path,
) -> None:
    detector = load_detector(settings(root, model="demonstration"), demonstration=True)

    assert detector.spec.is_demonstration


@needs_tensorflow
def test_the_demonstration_weights_do_not_start_under_another_name(
    root: Path, bundled: Path, tmp_path: Path
) -> None:
    """Its network is free for everybody, its weights are not."""
    spec = replace(SPECS["demonstration"], name="own", title="Own", is_demonstration=False)
    copy = tmp_path / "copy.h5"
    copy.write_bytes(bundled.read_bytes())
    other = tmp_path / "other.h5"
    generator = np.random.default_rng(4)
    tensors = {
        name: generator.normal(0, 0.05, shape).astype(np.float32)
        for name, shape in layout.tensors(spec).items()
    }
    write_weights(other, spec, tensors)

    with pytest.raises(Refused, match="they get no other name"):
        register(root, spec, copy, CARD, now=REGISTERED_AT)
    register(root, spec, other, CARD, now=REGISTERED_AT)
    with pytest.raises(StopError, match="never answers for a real one"):
        load_detector(settings(root, model="own", weights=copy))
    assert load_detector(settings(root, model="own")).spec.name == "own"


def test_the_bundled_model_is_found_without_being_registered(root: Path, bundled: Path) -> None:
    model = find(root, "demonstration")

    assert model.is_bundled
    assert model.weights == bundled
    assert model.registered_at is None


@needs_tensorflow
@pytest.mark.usefixtures("bundled")
def test_the_demo_takes_the_published_weights_when_they_are_here(
    root: Path, tmp_path: Path
) -> None:
    """Its own node has another registry, so the file is named with its checksum."""
    given = tmp_path / "resnet152_pascal.h5"
    given.touch()

    detector = demo_detector(settings(root, weights=given))

    assert (detector.model, detector.weights) == ("ueda2022", given)


@needs_tensorflow
@pytest.mark.usefixtures("bundled")
def test_the_demo_falls_back_to_the_demonstration_model(root: Path) -> None:
    detector = demo_detector(settings(root, score_threshold=0.9))

    assert detector == DetectorSettings(model="demonstration")


def test_a_demo_that_has_no_weights_at_all_says_so(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_bundled_path", lambda: tmp_path / "gone.h5")

    with pytest.raises(StopError, match="without the weights of the demonstration model"):
        demo_detector(settings(root))


def test_a_model_that_has_not_run_is_named_by_its_title_or_its_name(root: Path) -> None:
    chosen = settings(root)

    assert title_of(chosen, "ueda2022") == SPECS["ueda2022"].title
    assert title_of(chosen, "site-7") == "site-7"
