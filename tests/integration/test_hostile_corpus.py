"""Every hostile object through the real SCP and the worker: answered as it should be, and
neither the node, nor its log, nor a terminal is the worse for it."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from config.log import configure
from config.settings import LogSettings
from node.clock import utc_now
from node.db.session import Database
from node.db.tables import AuditEvent, Instance
from node.states import InstanceState
from tests.hostile import MIB, STORED, Hostile
from tests.hostile_bombs import BOMBS, DEFLATED
from tests.hostile_headers import HEADERS
from tests.hostile_speech import LONG, SPEECH
from tests.hostile_text import ESCAPES, steers
from tests.pdus import VERIFICATION
from tests.peer import RawRequestor
from tests.receiving import MG, RunningScp, running_scp, scp_settings
from tests.working_node import WorkingNode, working_node
from workers.cli import app
from workers.decoding import Decoder

CORPUS = (*HEADERS, *BOMBS, *DEFLATED, *SPEECH, *LONG)

SECONDS = 60.0
"""Longest that any of them may take on a machine that is busy; most take milliseconds."""
DECODE_MIB = 512

pytestmark = [
    # pydicom says of values what is wrong with them.
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.xdist_group("hostile"),
]


@dataclass
class Node:
    """One node for all cases: what one leaves behind, the next ones meet."""

    scp: RunningScp
    worker: WorkingNode
    database_url: str

    def row(self, uid: str) -> Instance | None:
        with self.scp.database.read() as session:
            return session.scalar(select(Instance).where(Instance.sop_instance_uid == uid))

    def serves(self) -> bool:
        with RawRequestor(self.scp.address) as other:
            other.associate((VERIFICATION, ["1.2.840.10008.1.2"]))
            return other.echo() == STORED

    def send(self, case: Hostile) -> int:
        with RawRequestor(self.scp.address, seconds=SECONDS) as line:
            line.associate((MG, [case.syntax]))
            return line.store(
                case.data_set, sop_class=MG, sop_instance=case.sop_instance_uid, fragment=120_000
            )[0]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Node]:
    root = tmp_path_factory.mktemp("hostile")
    shutil.copy2(sqlite_template, root / "mgnode.db")
    url = f"sqlite:///{root / 'mgnode.db'}"
    database = Database(url)
    worker = working_node(
        root / "data", database, analysis={"decode_memory_mib": DECODE_MIB, "decode_seconds": 30.0}
    )
    decoder = Decoder(worker.runtime.settings.analysis)
    worker = replace(worker, runtime=replace(worker.runtime, decoder=decoder))
    with running_scp(scp_settings(root / "data"), database) as scp:
        yield Node(scp, worker, url)
    decoder.close()
    database.dispose()


@pytest.fixture
def log() -> io.StringIO:
    written = io.StringIO()
    configure(LogSettings(level="debug"), "hostile", written)
    return written


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_a_hostile_object_gets_its_answer_and_nobody_else_is_the_worse_for_it(
    node: Node, log: io.StringIO, case: Hostile
) -> None:
    began = time.monotonic()

    assert node.send(case) == case.status

    row = node.row(case.sop_instance_uid)
    assert (row is not None) == (case.status == STORED)
    if row is not None:
        node.worker.clock.now = utc_now()
        node.worker.sweep()
        node.worker.analyse(row.id)
        ended = node.worker.instance(row.id)
        reason = "" if ended.state is InstanceState.ANALYSED else ended.reason
        assert reason in case.outcomes, ended.detail
    assert time.monotonic() - began < SECONDS
    assert node.serves()
    assert not steers(log.getvalue())
    assert not [path for path in node.scp.files("instances") if ".." in path.name]


def test_whatever_was_decoded_stayed_within_the_memory_limit(node: Node) -> None:
    pid = node.worker.runtime.decoder.pid
    assert pid is not None, "run the whole module"
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))

    assert int(peak.split()[1]) * 1024 < (DECODE_MIB + 256) * MIB


def test_no_row_holds_what_a_peer_may_write(node: Node) -> None:
    """Names and comments stay in the files; rows hold UIDs, codes and our own words."""
    hostile = [*ESCAPES.values(), "<script", "DROP TABLE", "{{7*7}}", "[bold red]"]
    with node.scp.database.read() as session:
        told = [
            f"{row.uid} {row.study_instance_uid} {row.reason} {row.actor} {row.details}"
            for row in session.scalars(select(AuditEvent))
        ]
        told += [
            f"{row.reason} {row.detail} {row.view} {row.laterality} {row.path}"
            for row in session.scalars(select(Instance))
        ]

    assert told
    assert [line for line in told if any(text in line for text in hostile)] == []


def test_what_the_command_line_prints_steers_no_terminal(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MGNODE_DATABASE__URL", node.database_url)
    monkeypatch.setenv("MGNODE_STORAGE__ROOT", str(node.scp.layout.root))
    studies = {node.row(case.sop_instance_uid) for case in SPEECH}
    commands = [["studies", "list"], ["audit", "list"], ["instances", "list"]]
    with node.scp.database.read() as session:
        uids = [
            session.get_one(Instance, row.id).study.study_instance_uid for row in studies if row
        ]
    commands += [["studies", "show", max(uids)]]

    for command in commands:
        for options in ([], ["--json"]):
            ran = CliRunner().invoke(app, [*command, *options])
            assert ran.exit_code == 0, ran.output
            assert not steers(ran.output)


@pytest.mark.parametrize("text", ESCAPES.values(), ids=ESCAPES)
@pytest.mark.parametrize("format_", ["console", "json"])
def test_a_hostile_ae_title_is_rejected_and_steers_no_log(
    node: Node, text: str, format_: str
) -> None:
    written = io.StringIO()
    configure(LogSettings(level="debug", format=format_), "hostile", written)
    calling = text.encode("utf-8")[:16].decode("utf-8", "ignore")
    with RawRequestor(node.scp.address) as line:
        answer = line.associate((VERIFICATION, ["1.2.840.10008.1.2"]), calling=calling)

    assert answer.kind in (3, 7), "neither rejected nor aborted"
    assert not steers(written.getvalue())
    assert node.serves()
