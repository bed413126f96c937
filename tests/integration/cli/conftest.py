from __future__ import annotations

from pathlib import Path

import pytest

from node.db.session import Database
from tests.factories import four_view_study
from tests.working_node import WorkingNode, working_node


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    """A node that has reported one study with a rejected image, and sent it nowhere."""
    node = working_node(tmp_path / "storage", database)
    images = four_view_study()
    images[3].BodyPartExamined = "PHANTOM"
    node.report(node.complete(images))
    return node
