from __future__ import annotations

from pathlib import Path

import pytest

from node.db.session import Database
from tests.working_node import WorkingNode, working_node


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    return working_node(tmp_path / "storage", database)
