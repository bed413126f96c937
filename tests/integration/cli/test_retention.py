from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from node.db.session import Database
from node.db.tables import Delivery, Instance, Result, Study
from node.states import DeliveryState
from tests.factories import make_mammogram
from tests.sending import at
from tests.working_node import WorkingNode, working_node
from workers.cli import app

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def done(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> WorkingNode:
    """A node with one study whose results were delivered long ago, and its settings."""
    pacs = at(("127.0.0.1", 104), "PACS")
    node = working_node(tmp_path / "storage", database, destinations={"pacs": pacs})
    node.report(node.complete([make_mammogram()]))
    with database.begin() as session:
        session.execute(
            update(Delivery).values(state=DeliveryState.DELIVERED, delivered_at=LONG_AGO)
        )
        session.execute(update(Study).values(last_received_at=LONG_AGO))
    monkeypatch.setenv("MGNODE_DATABASE__URL", database_url)
    monkeypatch.setenv("MGNODE_STORAGE__ROOT", str(tmp_path / "storage"))
    monkeypatch.setenv("MGNODE_DESTINATIONS", json.dumps({"pacs": pacs.model_dump(mode="json")}))
    return node


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_what_is_due_is_shown_and_named_and_then_removed(
    done: WorkingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    (due, *_) = json.loads(run("retention", "show", "--json"))
    assert (due["stored_files"], due["due_files"]) == (1, 0)
    monkeypatch.setenv("MGNODE_RETENTION__IMAGES_DAYS", "30")
    (due, *_) = json.loads(run("retention", "show", "--json"))
    assert (due["stored_files"], due["due_files"], due["kept_days"]) == (1, 1, 30.0)

    (named,) = json.loads(run("retention", "run", "--dry-run", "--json"))
    path = done.layout.absolute(named["path"])
    assert path.exists()
    assert json.loads(run("retention", "run", "--json")) == [named]
    assert not path.exists()

    (image,) = json.loads(run("studies", "show", str(make_mammogram().StudyInstanceUID), "--json"))[
        "instances"
    ]
    assert "The retention policy removed the file on" in image["words"]
    assert image["removed_at"]
    with done.database.read() as session:
        assert session.query(Instance).one().removed_at is not None
        assert all(row.removed_at is None for row in session.query(Result))


@pytest.mark.usefixtures("done")
def test_a_re_run_of_removed_images_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MGNODE_RETENTION__IMAGES_DAYS", "30")
    run("retention", "run")

    result = CliRunner().invoke(app, ["rerun", str(make_mammogram().StudyInstanceUID)])

    assert "1 images of study" in str(result.exception)
    assert "sent again" in str(result.exception)
