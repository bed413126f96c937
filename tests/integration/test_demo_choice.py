"""Which weights the demo takes, and which node lets the demonstration model answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.detecting import DetectorSettings
from config.settings import Settings, StorageSettings
from models.registry import folder
from node.cli.up import node_programs
from node.errors import StopError
from workers.weights import demo_detector


def settings(root: Path, **detector: object) -> Settings:
    return Settings(
        storage=StorageSettings(root=root), detector=DetectorSettings.model_validate(detector)
    )


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation with a file in the place of the demonstration weights."""
    path = tmp_path / "bundled.h5"
    path.write_bytes(b"not read here")
    monkeypatch.setattr(folder, "_bundled_path", lambda: path)


@pytest.mark.usefixtures("bundled")
def test_without_the_published_weights_it_is_the_demonstration_model(tmp_path: Path) -> None:
    assert demo_detector(settings(tmp_path)) == DetectorSettings(model="demonstration")


@pytest.mark.usefixtures("bundled")
def test_published_weights_that_the_settings_name_come_first(tmp_path: Path) -> None:
    weights = tmp_path / "resnet152_pascal.h5"
    weights.touch()

    chosen = demo_detector(settings(tmp_path, weights=weights, score_threshold=0.4))

    assert chosen == DetectorSettings(model="ueda2022", weights=weights, score_threshold=0.4)


@pytest.mark.usefixtures("bundled")
def test_the_file_of_another_model_is_never_called_the_published_one(tmp_path: Path) -> None:
    """Random numbers that a node was tried with are not asked for here."""
    weights = tmp_path / "reference.h5"
    weights.touch()

    chosen = demo_detector(settings(tmp_path, model="reference", weights=weights))

    assert chosen == DetectorSettings(model="demonstration")


def test_without_any_weights_it_says_what_to_do_and_takes_no_random_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_bundled_path", lambda: tmp_path / "missing.h5")

    with pytest.raises(StopError, match=r"mgnode model fetch ueda2022.*--reference"):
        demo_detector(settings(tmp_path))


def test_only_the_demos_analysis_worker_lets_the_demonstration_model_answer() -> None:
    def asked(*, demonstration: bool) -> list[str]:
        programs = node_programs({}, demonstration=demonstration)
        return [program.name for program in programs if "--demonstration" in program.command]

    assert asked(demonstration=False) == []
    assert asked(demonstration=True) == ["analysis"]
