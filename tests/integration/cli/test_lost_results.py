"""`mgnode retry` when the file of a result is lost: put back, or reported again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result as Ended
from typer.testing import CliRunner

from config.sending import Destination
from node.cli.app import app
from node.db.deliveries import claim_deliveries, record_refused
from node.db.session import Database
from node.db.tables import Result
from node.states import DeliveryState, StudyState
from node.store.files import RESULT_FILE_DAMAGED
from tests.factories import four_view_study
from tests.servers import free_port
from tests.working_node import WorkingNode, working_node

STUDY = str(four_view_study()[0].StudyInstanceUID)


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    """A node that has reported a study of one image: two reports and an overlay."""
    pacs = Destination(ae_title="NOBODY", host="127.0.0.1", port=free_port())
    node = working_node(tmp_path / "storage", database, destinations={"pacs": pacs})
    node.report(node.complete(four_view_study()[:1]))
    return node


def lose(node: WorkingNode, kind: str) -> tuple[Result, bytes]:
    """Lose the file of a result, and let its delivery end as the sender does."""
    (result,) = [row for row in node.results() if row.kind == kind]
    path = node.layout.absolute(result.path)
    content = path.read_bytes()
    path.unlink()
    ids = [row.id for row in node.deliveries() if row.result_id == result.id]
    now = node.clock()
    with node.database.begin() as session:
        (claim,) = claim_deliveries(
            session, ids, lease_until=now + timedelta(minutes=5), at=now, actor="worker"
        )
        record_refused(
            session, claim, status=None, detail=RESULT_FILE_DAMAGED, at=now, actor="worker"
        )
    return result, content


def retry(node: WorkingNode, database_url: str) -> Ended:
    environ = {
        "MGNODE_DATABASE__URL": database_url,
        "MGNODE_STORAGE__ROOT": str(node.layout.root),
    }
    result = CliRunner().invoke(app, ["retry", STUDY], env=environ)
    assert result.exit_code == 0, result.output
    return result


def states(node: WorkingNode, lost: Result) -> list[DeliveryState]:
    return [row.state for row in node.deliveries() if row.result_id == lost.id]


@pytest.mark.parametrize("kind", ["cad_sr", "measurement_report", "overlay"])
def test_a_file_that_was_put_back_is_sent(kind: str, node: WorkingNode, database_url: str) -> None:
    lost, content = lose(node, kind)
    node.layout.absolute(lost.path).write_bytes(content)

    assert retry(node, database_url).stdout == "0 images, 0 reports, 1 deliveries put back\n"
    assert states(node, lost) == [DeliveryState.PENDING]
    assert node.study(STUDY).state is StudyState.REPORTED


def test_a_study_whose_report_is_lost_is_reported_again_once(
    node: WorkingNode, database_url: str
) -> None:
    lost, _ = lose(node, "measurement_report")

    first = retry(node, database_url).stdout
    reopened = node.study(STUDY)
    second = retry(node, database_url).stdout
    node.sweep()
    node.report(reopened.id)
    third = retry(node, database_url).stdout

    assert (reopened.state, reopened.reason) == (StudyState.OPEN, RESULT_FILE_DAMAGED)
    assert first == "0 images, 1 reports, 0 deliveries put back\n"
    assert second == third == "0 images, 0 reports, 0 deliveries put back\n"
    assert states(node, lost) == [DeliveryState.FAILED], "it is never sent"
    assert node.study(STUDY).state is StudyState.REPORTED
    assert node.report_of(2).SOPInstanceUID != lost.sop_instance_uid
    assert node.audit_problem() is None


def test_an_overlay_that_is_lost_is_named_with_the_file_to_put_back(
    node: WorkingNode, database_url: str
) -> None:
    lost, _ = lose(node, "overlay")

    told = retry(node, database_url)

    assert lost.sop_instance_uid in told.stderr
    assert lost.path in told.stderr
    assert states(node, lost) == [DeliveryState.FAILED]
    assert node.study(STUDY).state is StudyState.REPORTED
