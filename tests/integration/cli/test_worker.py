"""`mgnode worker analysis` without usable weights: it says what to do and ends with 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from node.db.upgrade import upgrade
from tests.servers import free_port
from tests.tiny_weights import register_tiny
from tests.worker_process import environment_of


def ended(folder: Path, **groups: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    values = {"storage": {"root": folder / "storage"}, **groups}
    settings = Settings.model_validate(values)
    return subprocess.run(
        [sys.executable, "-m", "workers.cli", "worker", "analysis"],
        cwd=folder,
        env=environment_of(settings, folder),
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "storage").mkdir()
    upgrade(f"sqlite:///{tmp_path / 'storage' / 'mgnode.sqlite3'}")
    (tmp_path / "text.h5").write_text("no weights")
    return tmp_path


@pytest.mark.parametrize(
    ("detector", "says"),
    [
        pytest.param({}, ["`mgnode model fetch ueda2022`", "resnet152_pascal.h5"], id="unset"),
        pytest.param({"model": "site-7"}, ["no model is called site-7"], id="unknown"),
        pytest.param(
            {"model": "demonstration", "weights": "text.h5"},
            ["never answers for a real one", "mgnode demo"],
            id="demonstration",
        ),
        pytest.param({"weights": "gone.h5"}, ["there is no file gone.h5"], id="missing"),
        pytest.param(
            {"weights": "text.h5"},
            ["detector.weights: ", "text.h5"],
            id="no weights",
            marks=pytest.mark.tensorflow,
        ),
        pytest.param(
            {"weights": "text.h5", "weights_sha256": "ab" * 32},
            ["detector.weights: ", "text.h5"],
            id="another checksum",
            marks=pytest.mark.tensorflow,
        ),
    ],
)
def test_without_usable_weights_it_ends_with_2_and_says_why(
    folder: Path, detector: dict[str, str], says: list[str]
) -> None:
    process = ended(folder, detector=detector)

    assert process.returncode == 2
    assert process.stderr.startswith("mgnode: ")
    assert "Traceback" not in process.stderr
    for words in says:
        assert words in process.stderr


def test_without_its_schema_it_ends_with_2_and_names_the_command(tmp_path: Path) -> None:
    process = ended(tmp_path)

    assert process.returncode == 2
    assert "mgnode db upgrade" in process.stderr


def test_without_its_database_it_ends_with_1_and_shows_no_password(tmp_path: Path) -> None:
    """Status 1: the supervisor starts it again, and the database may be back by then."""
    url = f"postgresql+psycopg://mgnode:hunter2@127.0.0.1:{free_port()}/mgnode"

    process = ended(tmp_path, database={"url": url})

    assert process.returncode == 1
    assert "the database cannot be used: OperationalError" in process.stderr
    assert "Traceback" not in process.stderr
    assert "hunter2" not in process.stderr


@pytest.mark.tensorflow
def test_thresholds_that_the_model_cannot_have_stop_the_start(folder: Path) -> None:
    """The settings alone look right: the threshold in force is the model's own, 0.3."""
    register_tiny(folder / "storage" / "models", score_threshold=0.3)

    result = ended(folder, detector={"model": "tiny", "candidate_thresholds": [0.4, 0.2]})

    assert result.returncode == 2
    assert "detector.candidate_thresholds: 0.4 is not between 0.05" in result.stderr
    assert "Traceback" not in result.stderr
