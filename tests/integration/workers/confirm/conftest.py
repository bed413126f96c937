from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.db.session import Database
from tests.committing_pacs import CommittingPacs
from tests.confirming import delivered
from tests.working_node import WorkingNode


@pytest.fixture
def pacs() -> Iterator[CommittingPacs]:
    with CommittingPacs() as running:
        yield running


@pytest.fixture
def node(database: Database, tmp_path: Path, pacs: CommittingPacs) -> WorkingNode:
    return delivered(database, tmp_path, pacs, "commitment")
