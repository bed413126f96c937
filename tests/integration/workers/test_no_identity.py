"""A marked patient goes through every step, well and badly; the mark is in DICOM files alone."""

from __future__ import annotations

import base64
import io
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import select

from config.log import configure
from config.sending import Destination
from config.settings import LogSettings, Settings
from node.db import audit
from node.db.declarative import Base
from node.db.session import Database
from node.db.tables import AuditEvent
from node.demo.pacs import ReceivingPacs
from node.dispatch.broker import CeleryPublisher, celery_app
from node.dispatch.loop import Dispatcher
from node.messages import REPORT_TASK
from node.states import DeliveryState, InstanceState, StudyState
from tests.factories import stable_uid
from tests.marked import MARK, commented, marked, quote_the_patient
from tests.peer import raw_acceptor
from tests.servers import running, wait_until
from tests.worker_process import NetworkWorker
from tests.working_node import WorkingNode, working_node
from workers.runtime import Runtime
from workers.tasks import register_network

# What is written does not depend on where the rows lie.
pytestmark = [pytest.mark.redis, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]

DEBUG = LogSettings(level="debug", format="json")


class Written:
    """All that the node has written beside the DICOM files and their database file."""

    def __init__(self, node: WorkingNode, log: io.StringIO, folder: Path) -> None:
        self.node, self.log, self.folder = node, log, folder
        self.messages = ""

    def take_messages(self, url: str) -> None:
        """Read what waits in the broker, decoded."""
        with redis.Redis.from_url(url) as client:
            for key in client.scan_iter("*"):
                self.messages += key.decode()
                if client.type(key) == b"list":
                    for raw in client.lrange(key, 0, -1):
                        self.messages += raw.decode()
                        _, _, body = raw.decode().partition('"body": "')
                        self.messages += base64.b64decode(body.partition('"')[0]).decode()

    def rows(self) -> str:
        with self.node.database.read() as session:
            return "\n".join(
                str(tuple(row))
                for table in Base.metadata.sorted_tables
                for row in session.execute(select(table))
            )

    def where_the_mark_is(self) -> list[str]:
        logs = [path.read_text(errors="replace") for path in self.folder.rglob("*.log")]
        names = [str(path.relative_to(self.folder)) for path in self.folder.rglob("*")]
        texts = {
            "log": self.log.getvalue(),
            "logs of processes": "\n".join(logs),
            "rows": self.rows(),
            "messages": self.messages,
            "file names": "\n".join(names),
        }
        return [name for name, text in texts.items() if MARK.lower() in text.lower()]


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"analysis": {"max_attempts": 2}, "log": {"level": "debug", "format": "json"}}


@pytest.fixture
def written(
    database: Database, database_url: str, redis_url: str, tmp_path: Path, settings: dict[str, Any]
) -> Written:
    node = working_node(
        tmp_path / "node" / "storage",
        database,
        destinations={"pacs": Destination(ae_title="PACS", host="127.0.0.1", port=104)},
        database={"url": database_url},
        broker={"url": redis_url},
        **settings,
    )
    log = io.StringIO()
    configure(DEBUG, "test", log)
    return Written(node, log, tmp_path / "node")


def test_the_mark_would_be_found(written: Written) -> None:
    written.log.write("PatientName QZXV^ANNA")
    with written.node.database.begin() as session:
        audit.append(
            session, at=datetime.now(UTC), event="node_started", actor=f"by {MARK}", entity=""
        )
    written.messages = f"{{'patient': '{MARK}'}}"
    (written.folder / f"{MARK}.dcm").touch()
    (written.folder / "server.log").write_text(f"{MARK}^Anna")

    assert len(written.where_the_mark_is()) == 5


def test_success_leaves_no_identity_behind(written: Written) -> None:
    node = written.node
    node.report(node.complete([marked(), marked(view="MLO")]))
    with ReceivingPacs(written.folder.parent / "pacs") as pacs:
        node.with_settings(destinations={"pacs": pacs.destination}).deliver()

    assert node.delivery_states() == [DeliveryState.DELIVERED] * 4
    assert written.where_the_mark_is() == []
    assert MARK in str(node.report_of().PatientName), "the results have it"


def test_a_failing_analysis_leaves_no_identity_behind(written: Written) -> None:
    node = written.node
    node.detector.look = quote_the_patient
    rows = node.receive(
        [
            marked(),
            marked(view="MLO", PixelData=b"\0" * 10),
            marked(laterality="R", PatientID=f"PHANTOM {MARK}"),
            marked(laterality="R", view="MLO"),
        ]
    )
    node.layout.absolute(node.instance(rows[3]).path).unlink()
    node.sweep()
    for _ in range(2):
        node.analyse(*rows)
        node.clock.pass_(hours=1)

    states = [node.instance(row).state for row in rows]
    assert states == [
        InstanceState.FAILED,
        InstanceState.REJECTED,
        InstanceState.REJECTED,
        InstanceState.FAILED,
    ]
    assert "LookupError" in written.log.getvalue()
    assert written.where_the_mark_is() == []


def test_a_failing_report_leaves_no_identity_behind(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = written.node
    study = stable_uid("two patients")
    one = marked(study_instance_uid=study)
    other = marked(study_instance_uid=study, view="MLO", patient_name=f"{MARK}^Berta")
    node.report(node.complete([one, other]))
    failing = node.complete([marked()])
    monkeypatch.setattr("workers.objects.build_overlay", lambda *_, **__: quote_the_patient(0))
    for _ in range(2):
        node.report(failing)
        node.clock.pass_(hours=1)

    assert node.study(study).reason == "IDENTITY_CONFLICT"
    assert node.study(str(marked().StudyInstanceUID)).state is StudyState.FAILED
    assert written.where_the_mark_is() == []


def test_a_failing_delivery_leaves_no_identity_behind(written: Written) -> None:
    node = written.node
    node.report(node.complete([marked()]))
    with raw_acceptor(commented) as (host, port):
        towards = Destination(ae_title="PACS", host=host, port=port)
        node.with_settings(destinations={"pacs": towards}).deliver()

    failed = DeliveryState.FAILED
    assert node.delivery_states() == [DeliveryState.PENDING, failed, failed]
    assert written.where_the_mark_is() == []


def test_worker_and_broker_see_no_identity(written: Written, redis_url: str) -> None:
    """The worker's process logs at debug; the messages are read before it takes them."""
    node = written.node
    node.clock.now = datetime.now(UTC)
    study = node.complete([marked(), marked(view="MLO")])
    uid = str(marked().StudyInstanceUID)
    away = node.layout.absolute(node.instance(1).path)
    away.rename(away.with_suffix(".away"))

    def publish() -> None:
        with closing(celery_app(node.runtime.settings)) as app:
            publisher = CeleryPublisher(app)
            Dispatcher(node.runtime.settings, node.database, publisher, clock=node.clock).sweep()
        written.take_messages(redis_url)

    publish()
    with running(NetworkWorker(written.folder / "worker", node.runtime.settings)):
        wait_until(lambda: node.study(uid).report_attempts == 1, "the report fails")
        away.with_suffix(".away").rename(away)
        node.report(study)
        node.clock.pass_(hours=1)
        node.report(study)
        publish()
        wait_until(
            lambda: all(row.attempts for row in node.deliveries()), "the deliveries were tried"
        )

    assert REPORT_TASK in written.messages
    assert len(node.deliveries()) == 4
    assert written.where_the_mark_is() == []


def test_what_a_task_did_not_foresee_is_not_told_to_celery(written: Written) -> None:
    """Celery logs what leaves a task, with its text and that of the exception behind it."""
    node = written.node

    def broken_clock() -> datetime:
        raise ValueError(f"of {MARK}")

    settings = node.runtime.settings
    with closing(celery_app(settings)) as app:
        register_network(app, _with_clock(node, settings, broken_clock))

        app.tasks[REPORT_TASK](study_id=1)

    assert "task_failed" in written.log.getvalue()
    assert written.where_the_mark_is() == []


def _with_clock(node: WorkingNode, settings: Settings, clock: Any) -> Any:
    return Runtime(settings, node.database, node.layout, "worker", clock=clock)


def test_every_event_of_the_run_is_in_the_chain(written: Written) -> None:
    node = written.node
    node.report(node.complete([marked()]))

    assert len(node.events()) > 5
    assert {event.actor for event in node.events()} == {"scp", "dispatch", "worker"}
    assert AuditEvent.__tablename__ in Base.metadata.tables
