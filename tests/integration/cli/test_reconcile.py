"""`mgnode reconcile` and `mgnode queues`: what disagrees, what waits, and health that tells."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from node.cli.app import app
from node.db.tables import Instance
from tests.factories import make_mammogram
from tests.servers import free_port
from tests.working_node import WorkingNode

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def environ(node: WorkingNode, database_url: str) -> dict[str, str]:
    return {
        "MGNODE_DATABASE__URL": database_url,
        "MGNODE_STORAGE__ROOT": str(node.layout.root),
        # Nobody listens: what is compared needs no broker.
        "MGNODE_BROKER__URL": f"redis://127.0.0.1:{free_port()}/0",
    }


def run(environ: dict[str, str], *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, env=environ)
    return result.exit_code, result.stdout


def test_a_missing_file_is_listed_after_now_with_status_1_until_it_is_back(
    node: WorkingNode, environ: dict[str, str]
) -> None:
    path = node.instance(1).path
    file = node.layout.absolute(path)
    aside = file.rename(file.with_suffix(".aside"))

    before = run(environ, "reconcile")
    status, listed = run(environ, "reconcile", "--now", "--json")
    in_words = run(environ, "reconcile")
    health = json.loads(run(environ, "health", "dispatch", "--json")[1])
    aside.rename(file)

    assert before == (0, "nothing disagrees\n")
    (row,) = json.loads(listed)
    assert (status, row["kind"], row["subject"]) == (1, "FILE_MISSING", path)
    assert in_words[0] == 1
    assert "A row names a file that is not there." in in_words[1]
    assert health["discrepancies"] == {"FILE_MISSING": 1}
    assert run(environ, "reconcile", "--now") == (0, "nothing disagrees\n")


def test_queues_tell_the_age_of_the_oldest_and_whether_that_is_too_long(
    node: WorkingNode, environ: dict[str, str]
) -> None:
    (waiting,) = node.receive([make_mammogram(patient_id="MG-0002")])
    with node.database.begin() as session:
        row = session.get_one(Instance, waiting)
        uid = row.sop_instance_uid
    rows = {row["queue"]: row for row in json.loads(run(environ, "queues", "--json")[1])}
    table = run(environ, "queues")[1]
    health = json.loads(run(environ, "health", "dispatch", "--json")[1])

    age = datetime.now(UTC) - node.clock()
    expected = max(age, timedelta(0)).total_seconds()
    assert rows["received"]["count"] == 1
    assert rows["received"]["uid"] == uid
    assert rows["received"]["oldest_age_seconds"] == pytest.approx(expected, abs=60)
    assert rows["received"]["too_old"] == (expected > 300)
    assert rows["queued"] == {
        "queue": "queued",
        "count": 0,
        "oldest_since": None,
        "oldest_age_seconds": None,
        "limit_seconds": 3600.0,
        "too_old": False,
        "uid": "",
    }
    assert uid in table
    assert ("received" in health["queues_too_old"]) == (expected > 300)
