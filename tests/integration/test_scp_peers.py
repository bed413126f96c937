"""DCMTK and Orthanc send, plain and compressed; many at once."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom import dcmread

from node.db.audit import verify
from node.db.session import Database
from node.db.tables import AuditEvent, Instance, Study
from node.dicom.part10 import encode
from tests.factories import four_view_study, make_mammogram, save_to_folder, stable_uid
from tests.part10_files import data_set_digest
from tests.pdus import ASSOCIATE_AC, EXPLICIT, VERIFICATION
from tests.peer import RawRequestor
from tests.receiving import RunningScp, running_scp, scp_settings
from tests.requirements import program
from tests.servers import wait_until

MG = "1.2.840.10008.5.1.4.1.1.1.2"

# Seconds. DCMTK takes 3; pynetdicom's polling threads take 5 on an idle machine and 25 on a busy
# one. Without the long backlog it is minutes.
TWO_HUNDRED_SECONDS = 120.0


@pytest.fixture
def node(tmp_path: Path, database: Database) -> Iterator[RunningScp]:
    with running_scp(scp_settings(tmp_path / "data"), database) as running:
        yield running


def run(name: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(program(name)), *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def storescu(node: RunningScp, *files: Path, option: str = "-R") -> None:
    host, port = node.address
    names = [str(path) for path in files]
    run("storescu", option, "-aec", "MGNODE", "-aet", "DCMTK", host, str(port), *names)


COMPRESSED = {
    "uncompressed": (None, [], "-R", "1.2.840.10008.1.2.1"),
    "implicit": ("dcmconv", ["+ti"], "-xi", "1.2.840.10008.1.2"),
    "big endian": ("dcmconv", ["+tb"], "-xb", "1.2.840.10008.1.2.2"),
    "deflated": ("dcmconv", ["+td"], "-xd", "1.2.840.10008.1.2.1.99"),
    "RLE": ("dcmcrle", [], "-xr", "1.2.840.10008.1.2.5"),
    "JPEG Lossless SV1": ("dcmcjpeg", ["+e1"], "-xs", "1.2.840.10008.1.2.4.70"),
    "JPEG-LS": ("dcmcjpls", ["+el"], "-xt", "1.2.840.10008.1.2.4.80"),
    "JPEG Extended": ("dcmcjpeg", ["+ee"], "-xx", "1.2.840.10008.1.2.4.51"),
}


@pytest.mark.dcmtk
@pytest.mark.parametrize("syntax", COMPRESSED)
def test_storescu_stores_in_its_transfer_syntax_byte_for_byte(
    node: RunningScp, tmp_path: Path, syntax: str
) -> None:
    tool, options, proposal, uid = COMPRESSED[syntax]
    (path,) = save_to_folder([make_mammogram()], tmp_path / "plain")
    if tool is not None:
        sent = tmp_path / "compressed.dcm"
        run(tool, *options, str(path), str(sent))
        path = sent
    assert dcmread(path).file_meta.TransferSyntaxUID == uid

    storescu(node, path, option=proposal)

    (row,) = node.instances()
    stored = node.layout.absolute(row.path)
    assert row.transfer_syntax_uid == uid
    assert row.sha256 == data_set_digest(stored)
    if uid == "1.2.840.10008.1.2.1.99":
        # DCMTK inflates and deflates again on its way.
        assert dcmread(stored) == dcmread(path)
    else:
        assert data_set_digest(stored) == data_set_digest(path)


@pytest.mark.dcmtk
def test_a_study_sent_twice_by_dcmtk_is_there_once(node: RunningScp, tmp_path: Path) -> None:
    files = save_to_folder(four_view_study(), tmp_path / "study")

    storescu(node, *files)
    storescu(node, *files)

    rows = node.instances()
    assert len(rows) == 4
    assert {(row.laterality, row.view) for row in rows} == {
        ("R", "CC"),
        ("L", "CC"),
        ("R", "MLO"),
        ("L", "MLO"),
    }
    assert all(row.is_standard_view for row in rows)
    assert node.count(Study) == 1
    assert len(node.files("instances")) == 4
    wait_until(lambda: node.outcomes() == ["released"] * 2, "both ends are recorded")


@pytest.mark.dcmtk
def test_dcmtk_reports_a_refused_image(node: RunningScp, tmp_path: Path) -> None:
    (first,) = save_to_folder([make_mammogram()], tmp_path / "a")
    (changed,) = save_to_folder([make_mammogram(PatientComments="changed")], tmp_path / "b")
    storescu(node, first)

    with pytest.raises(AssertionError, match="CannotUnderstand"):
        storescu(node, changed, option="-v")

    assert len(node.instances()) == 1


def test_associations_that_send_one_study_at_once_lose_nothing(node: RunningScp) -> None:
    """One study row, each image once, although every sender opens the study."""
    senders, images = 6, 5
    study = stable_uid("shared study")

    def send(sender: int) -> list[int]:
        with RawRequestor(node.address) as line:
            line.associate((MG, [EXPLICIT]))
            statuses = []
            # One image is everybody's, the others are the sender's own.
            for number in range(images):
                name = "shared" if number == 0 else f"{sender}/{number}"
                uid = stable_uid("parallel", name)
                image = make_mammogram(
                    study_instance_uid=study, sop_instance_uid=uid, rows=64, columns=48
                )
                statuses.append(line.store(encode(image), sop_class=MG, sop_instance=uid)[0])
            line.release()
            return statuses

    with ThreadPoolExecutor(senders) as pool:
        answers = list(pool.map(send, range(senders)))

    assert answers == [[0x0000] * images] * senders
    assert node.count(Study) == 1
    assert node.count(Instance) == senders * (images - 1) + 1
    assert len(node.files("instances")) == senders * (images - 1) + 1
    assert len(node.audited("instance_duplicate")) == senders - 1
    assert node.files("spool") == []


def test_one_of_many_who_send_different_bytes_under_one_uid_wins(node: RunningScp) -> None:
    senders = 5
    uid = stable_uid("contested")
    ready = threading.Barrier(senders)

    def send(sender: int) -> int:
        image = make_mammogram(
            sop_instance_uid=uid, rows=64, columns=48, PatientComments=f"version {sender}"
        )
        with RawRequestor(node.address) as line:
            line.associate((MG, [EXPLICIT]))
            ready.wait(20)
            return line.store(encode(image), sop_class=MG, sop_instance=uid)[0]

    with ThreadPoolExecutor(senders) as pool:
        statuses = sorted(pool.map(send, range(senders)))

    assert statuses == [0x0000] + [0xC100] * (senders - 1)
    (row,) = node.instances()
    (kept,) = node.files("instances")
    assert node.layout.absolute(row.path) == kept


def test_two_hundred_associations_are_open_at_once_and_each_is_answered(
    tmp_path: Path, database: Database
) -> None:
    settings = scp_settings(tmp_path / "data", acse_timeout_seconds=60, idle_timeout_seconds=300)
    with running_scp(settings, database) as node:
        _open_echo_and_release(node, 200)


def _open_echo_and_release(node: RunningScp, peers: int) -> None:
    started = time.monotonic()
    with ExitStack() as lines, ThreadPoolExecutor(32) as pool:

        def connect(_: int) -> RawRequestor:
            line = RawRequestor(node.address, seconds=TWO_HUNDRED_SECONDS)
            lines.enter_context(line)
            assert line.associate((VERIFICATION, [EXPLICIT])).kind == ASSOCIATE_AC
            return line

        opened = list(pool.map(connect, range(peers)))
        assert node.open_associations() == peers
        statuses = list(pool.map(RawRequestor.echo, opened))
        seconds = time.monotonic() - started
        list(pool.map(RawRequestor.release, opened))

    assert statuses == [0x0000] * peers
    assert seconds < TWO_HUNDRED_SECONDS
    wait_until(lambda: node.open_associations() == 0, "every end is recorded", seconds=60)
    assert node.outcomes() == ["released"] * peers


def test_the_audit_chain_holds_after_many_senders(node: RunningScp) -> None:
    with ThreadPoolExecutor(8) as pool:

        def once(_: int) -> None:
            with RawRequestor(node.address) as line:
                line.associate((VERIFICATION, [EXPLICIT]))
                line.release()

        list(pool.map(once, range(24)))
    wait_until(lambda: node.open_associations() == 0, "every end is recorded")

    with node.database.read() as session:
        found = verify(session)
    assert found.problem is None
    assert found.checked == node.count(AuditEvent)
