from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.db.session import Database
from node.store.paths import Layout
from tests.committing_pacs import CommittingPacs
from tests.restoring import Site
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


@pytest.fixture
def site(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with CommittingPacs() as asked, CommittingPacs() as unasked:
        site = Site(tmp_path, database_url, {"query": asked, "none": unasked}, monkeypatch)
        yield site
        site.close()


@pytest.fixture
def empty_url(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The place of another database."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'restored.db'}"
        return
    server = request.getfixturevalue("postgresql_server")
    name = f"restored_{tmp_path.name}"[:63]
    yield server.create(name)
    server.drop(name)
