"""A node is restored beside a real PACS, which is asked before it is sent anything."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO
from typer.testing import CliRunner

from config.sending import Destination
from node.db.session import Database
from node.states import DeliveryState
from tests.factories import four_view_study
from tests.orthanc import OrthancServer
from tests.servers import running
from tests.working_node import WorkingNode, working_node
from workers.cli import app
from workers.held import ALREADY_THERE

pytestmark = [
    pytest.mark.orthanc,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[OrthancServer]:
    folder = tmp_path / "orthanc"
    folder.mkdir()
    with running(OrthancServer(folder)) as server:
        # It answers questions of peers that it knows; it never calls this one.
        server.know(Destination(ae_title="MGNODE", host="127.0.0.1", port=1))
        yield server


def run(*words: str) -> None:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_after_a_restore_orthanc_gets_only_what_it_has_not(
    database: Database,
    database_url: str,
    orthanc: OrthancServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pacs = orthanc.destination.model_copy(update={"confirm": "query"})
    monkeypatch.setenv("MGNODE_DESTINATIONS", json.dumps({"pacs": pacs.model_dump(mode="json")}))

    def opened(root: Path, opening: Database) -> WorkingNode:
        return working_node(root, opening, destinations={"pacs": pacs})

    def be_at(url: str, root: Path) -> None:
        monkeypatch.setenv("MGNODE_DATABASE__URL", url)
        monkeypatch.setenv("MGNODE_STORAGE__ROOT", str(root))

    before = tmp_path / "before"
    be_at(database_url, before)
    node = opened(before, database)
    node.report(node.complete(four_view_study()))
    run("backup", str(tmp_path / "backup"))
    node.deliver()
    sent = {row.sop_instance_uid for row in node.results()}
    lost = min(sent)
    orthanc.lose(lost)
    shutil.rmtree(before)

    after, url = tmp_path / "after", f"sqlite:///{tmp_path / 'after.db'}"
    be_at(url, after)
    run("restore", str(tmp_path / "backup"))
    restored = Database(url)
    try:
        node = opened(after, restored)
        assert set(node.delivery_states()) == {DeliveryState.PENDING}
        node.deliver()

        states = Counter(node.delivery_states())
        assert states == {DeliveryState.CONFIRMED: len(sent) - 1, DeliveryState.DELIVERED: 1}
        already = {line.uid for line in node.events("delivery_confirmed")}
        assert already == sent - {lost}
        ends = node.events("delivery_delivered")
        assert [line.uid for line in ends if line.reason != ALREADY_THERE] == [lost]
        assert node.audit_problem() is None
    finally:
        restored.dispose()
    held = [str(dcmread(DicomBytesIO(file)).SOPInstanceUID) for file in orthanc.files()]
    assert sorted(held) == sorted(sent)
