from __future__ import annotations

import os
from pathlib import Path

import pytest

from node.db.session import Database
from node.store.paths import Layout
from tests.working_node import WorkingNode, working_node


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    return working_node(tmp_path / "storage", database)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with storage below it; the folder of its models."""
    for name in [name for name in os.environ if name.startswith("MGNODE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MGNODE_STORAGE__ROOT", str(tmp_path / "storage"))
    return Layout(tmp_path / "storage").models
