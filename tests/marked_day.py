"""A node of real processes on a day on which everything happens to marked patients."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

from sqlalchemy import func, inspect, select, text
from typer.testing import CliRunner

from config.loading import LoadedSettings
from config.settings import Settings
from config.show import as_toml
from node.cli.embedded import environment_of
from node.cli.supervisor import Supervisor
from node.cli.up import broker_programs, node_programs, own_address, scp_trouble
from node.db.session import Database
from node.db.tables import Delivery, Instance
from node.dicom.part10 import encode
from node.scu.batch import find_objects, send_objects
from node.states import InstanceState
from node.store.broker_secret import broker_password
from node.store.files import append_to, write_durably
from node.store.paths import Layout
from tests.factories import save_to_folder, stable_uid
from tests.marked import MARK, marked, quote_the_patient
from tests.one_decoder import DECODER
from tests.pdus import EXPLICIT
from tests.peer import RawRequestor
from tests.servers import (
    wait_until,
)
from tests.working_node import Clock, ScriptedDetector, WorkingNode
from workers.cli import app
from workers.runtime import Runtime

MG: Final = "1.2.840.10008.5.1.4.1.1.1.2"
IDENTITY_FOLDERS: Final = ("spool", "instances", "results", "quarantine")
"""DICOM files, which hold patients by right."""


@dataclass
class LivedThrough:
    """A node after its day: its settings, what its processes showed, and what it printed."""

    settings: Settings
    database: Database
    secrets: list[str]
    shown: dict[str, str]
    output: str

    @property
    def root(self) -> Path:
        return self.settings.storage.root

    def written(self) -> dict[str, str]:
        """Everything that it wrote beside the DICOM files, by where it is."""
        files = {
            str(path.relative_to(self.root)): path.read_text("latin-1")
            for path in self.root.rglob("*")
            if path.is_file() and path.relative_to(self.root).parts[0] not in IDENTITY_FOLDERS
        }
        names = "\n".join(str(path.relative_to(self.root)) for path in self.root.rglob("*"))
        return {**files, **self.shown, "names": names, "rows": self.rows(), "output": self.output}

    def rows(self) -> str:
        with self.database.read() as session:
            tables = inspect(session.connection()).get_table_names()
            return "\n".join(
                str(tuple(row))
                for table in tables
                for row in session.execute(text(f"SELECT * FROM {table}"))
            )


def live_through(
    settings: Settings, database: Database, secrets: list[str], folder: Path, peer: ExitStack
) -> LivedThrough:
    layout = Layout(settings.storage.root)
    layout.create()
    config = settings.storage.root / "mgnode.toml"
    write_durably(config, as_toml(LoadedSettings(settings, {})).encode())
    environment = environment_of(settings, config, layout.run)
    programs = [
        *broker_programs(settings),
        # The detector is scripted, in this process: what it does is in test_no_identity.
        *(each for each in node_programs(environment) if each.name != "analysis"),
    ]
    stop = threading.Event()
    with append_to(settings.storage.root / "node.log") as log:
        supervisor = Supervisor(programs, stop, log)
        thread = threading.Thread(target=supervisor.run)
        thread.start()
        try:
            wait_until(lambda: not scp_trouble(settings), "the node is up", seconds=90)
            _send(settings, folder / "images")
            _analyse(settings, database, layout)
            wait_until(
                lambda: _count(database, Delivery.id, Delivery.last_status.is_not(None)) == 3,
                "every result was answered",
                seconds=180,
            )
            peer.close()
            output = _use_the_command_line(environment)
            shown = {
                f"/proc/{name}/{what}": Path(f"/proc/{pid}/{what}").read_text("latin-1")
                for name, pid in supervisor.pids().items()
                for what in ("cmdline", "environ")
            }
        finally:
            stop.set()
            thread.join()
    password = broker_password(layout.run)
    return LivedThrough(
        settings, database, [*secrets, *([password] if password else [])], shown, output
    )


def _send(settings: Settings, folder: Path) -> None:
    """Let peers send a study, and everything that is refused, kept aside or turned away."""
    study = [marked(), marked(view="MLO"), marked(laterality="R", BodyPartExamined="PHANTOM")]
    save_to_folder(study, folder)
    peer = own_address(settings)
    send_objects(find_objects([folder]).objects, peer, settings.scu)
    image = encode(marked(sop_instance_uid=stable_uid("refused")))
    with RawRequestor((peer.host, peer.port)) as line:
        line.associate((MG, [EXPLICIT]))
        other = stable_uid("another")
        assert line.store(image, sop_class=MG, sop_instance=other)[0] == 0xA900
        uid = stable_uid("refused")
        assert line.store(image[:-1000], sop_class=MG, sop_instance=uid)[0] == 0xC000
        assert line.store(b"\x10\0\x10\0PN\xff\0" + MARK.encode(), sop_class=MG, sop_instance=uid)[
            0
        ]
        changed = encode(marked(PatientComments=f"still {MARK}"))
        first = str(marked().SOPInstanceUID)
        assert line.store(changed, sop_class=MG, sop_instance=first)[0] == 0xC100
        line.release()
    with RawRequestor((peer.host, peer.port)) as line:
        line.associate((MG, [EXPLICIT]), called="NOBODY")


def _analyse(settings: Settings, database: Database, layout: Layout) -> None:
    """Analyse what dispatch has queued; the second image fails, with a text that names her."""
    wait_until(
        lambda: _count(database, Instance.id, Instance.state == InstanceState.QUEUED) == 3,
        "dispatch has queued the images",
        seconds=60,
    )
    runtime = Runtime(settings, database, layout, "worker", random=Random(1), decoder=DECODER)
    with database.read() as session:
        rows = {row.sop_instance_uid: row.id for row in session.scalars(select(Instance))}
    failing = rows.pop(str(marked(view="MLO").SOPInstanceUID))
    clock = Clock(datetime.now(UTC))
    WorkingNode(runtime, clock, ScriptedDetector()).analyse(*rows.values())
    WorkingNode(runtime, clock, ScriptedDetector(look=quote_the_patient)).analyse(failing)
    assert _count(database, Instance.id, Instance.state == InstanceState.FAILED) == 1


def _count(database: Database, column: Any, where: Any) -> int:
    with database.read() as session:
        return session.scalar(select(func.count(column)).where(where)) or 0


def _use_the_command_line(environment: dict[str, str]) -> str:
    """Run the commands that show something, and some that fail; give what they printed."""
    study, image = str(marked().StudyInstanceUID), str(marked().SOPInstanceUID)
    lines = [
        "studies list",
        f"studies show {study}",
        f"studies show {study} --json",
        "studies show 1.2.3",
        "instances list",
        "instances list --json",
        f"audit list --uid {study} --json",
        "audit list --limit 1000",
        "audit verify",
        "config show",
        "config show --json",
        "config check",
        "conformance",
        "destination list",
        "destination test pacs",
        "echo self",
        "health scp",
        "health dispatch",
        "health network --json",
        f"instances reject {image} --reason twice",
        "instances reject 1.2.3 --reason none",
        f"retry {study}",
        f"rerun {study}",
        "rerun 1.2.3",
        "model list",
        "db grants mgnode_app",
    ]
    results = [CliRunner().invoke(app, line.split(), env=environment) for line in lines]
    return "\n".join(result.output + repr(result.exception) for result in results)
