"""From an empty folder to a model of one's own and its result in a PACS: docs/training.md."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import ComprehensiveSRStorage

from models.registry.folder import find
from node.demo.pacs import ReceivingPacs
from node.demo.received import content_items
from node.store.paths import Layout
from tests.factories import four_view_study, save_to_folder, stable_uid
from tests.running_node import running_node

pytestmark = pytest.mark.tensorflow

QUICK = ("epochs=1", "steps=2", "window=320x320", "learning_rate=1e-4", "deterministic=false")


def mgnode(storage: Path, *words: str | Path) -> str:
    """Run a command as a person would; give what it prints."""
    answer = subprocess.run(
        [sys.executable, "-m", "workers.cli", *map(str, words)],
        env={"MGNODE_STORAGE__ROOT": str(storage), "PATH": "", "CUDA_VISIBLE_DEVICES": "-1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.timeout(600)
def test_a_model_of_ones_own_answers_a_study(tmp_path: Path) -> None:
    storage, cases = tmp_path / "storage", tmp_path / "cases"
    mgnode(storage, "synthesize", cases, "--images", "8")
    mgnode(storage, "manifest", "check", cases / "manifest.csv")
    mgnode(
        storage, "train", cases / "manifest.csv", "--name", "ours", "--network", "demonstration",
        "--folds", "2", "--folder", tmp_path / "runs", *(f"--set={value}" for value in QUICK),
    )  # fmt: skip

    trained = find(Layout(storage).models, "ours")
    uid = stable_uid("training to result")
    sources = save_to_folder(
        four_view_study(study_instance_uid=uid, rows=160, columns=120), tmp_path / "study"
    )
    with (
        ReceivingPacs(tmp_path / "pacs") as pacs,
        running_node(
            storage,
            destinations={"pacs": pacs.destination},
            detector={"model": "ours", "score_threshold": 0.5},
        ) as node,
    ):
        node.send(sources)
        node.wait_until_delivered(uid)
        reports = [
            item.path for item in pacs.received if item.sop_class_uid == ComprehensiveSRStorage
        ]

    (report,) = (dcmread(path) for path in reports)
    named: dict[str, set[Any]] = {}
    for item, _ in content_items(report):
        if item.get("ValueType") == "TEXT":
            meaning = str(item.ConceptNameCodeSequence[0].CodeMeaning)
            named.setdefault(meaning, set()).add(str(item.TextValue))
    assert named["Algorithm Name"] == {trained.spec.title}
    assert named["Algorithm Version"] == {trained.spec.version(trained.sha256)}
    # Beside a box they are its Algorithm Parameters; without one a comment of the report.
    assert f"weights_sha256={trained.sha256}" in " ".join(named["Comment"])
    told = json.loads(mgnode(storage, "model", "info", "ours", "--json"))
    assert told["sha256"] == trained.sha256
