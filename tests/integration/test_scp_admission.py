"""Who may associate, as the peer sees it and as the audit log tells it."""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from node.db.session import Database
from node.db.tables import Association
from tests.pdus import (
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    C_STORE_RQ,
    EXPLICIT,
    NO_DATA_SET,
    VERIFICATION,
    command,
    us,
)
from tests.peer import RawRequestor
from tests.receiving import MG, UID, RunningScp, encoded, running_scp, scp_settings
from tests.requirements import program
from tests.servers import wait_until

CONTEXT = (VERIFICATION, ["1.2.840.10008.1.2"])
NOWHERE = ("192.0.2.0/24",)


def echoscu(
    node: RunningScp, *, called: str = "MGNODE", calling: str = "ECHOSCU"
) -> subprocess.CompletedProcess[str]:
    host, port = node.address
    command = [str(program("echoscu")), "-d", "-aec", called, "-aet", calling, host, str(port)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


REFUSED = [
    ({}, {"called": "OTHER"}, (1, 1, 7), "Called AE Title Not Recognized"),
    (
        {"calling_ae_titles": ("MAMMO1", "MAMMO2")},
        {"calling": "MAMMO3"},
        (1, 1, 3),
        "Calling AE Title Not Recognized",
    ),
    ({"networks": NOWHERE}, {}, (1, 1, 1), "No Reason"),
]
NAMES = ["called_ae_not_recognised", "calling_ae_not_recognised", "network_not_allowed"]


@pytest.mark.parametrize(
    ("scp", "titles", "expected", "name"),
    [(*row[:3], name) for row, name in zip(REFUSED, NAMES, strict=True)],
    ids=NAMES,
)
def test_a_refused_peer_gets_its_reason_and_an_audit_row(
    tmp_path: Path,
    database: Database,
    scp: dict[str, Any],
    titles: dict[str, str],
    expected: tuple[int, int, int],
    name: str,
) -> None:
    settings = scp_settings(tmp_path, **scp)
    with running_scp(settings, database) as node, RawRequestor(node.address) as line:
        assert line.associate(CONTEXT, **titles).rejection == expected

        is_stranger = name == "network_not_allowed"
        (row,) = node.audited("connection_refused" if is_stranger else "association_rejected")
        assert row.reason == name
        assert row.details["peer_host"] == "127.0.0.1"
        # What a stranger calls itself is not read.
        said = None if is_stranger else titles.get("calling", "RAWPEER")
        assert row.details.get("calling_ae") == said
        assert node.count(Association) == 0


@pytest.mark.dcmtk
@pytest.mark.parametrize(("scp", "titles", "expected", "words"), REFUSED, ids=NAMES)
def test_dcmtk_reads_the_reason_of_a_refusal(
    tmp_path: Path,
    database: Database,
    scp: dict[str, Any],
    titles: dict[str, str],
    expected: tuple[int, int, int],
    words: str,
) -> None:
    del expected
    with running_scp(scp_settings(tmp_path, **scp), database) as node:
        done = echoscu(node, **titles)

    assert done.returncode != 0
    said = re.sub(r"\s+", " ", done.stderr + done.stdout)
    assert "Association Rejected" in said
    assert "Rejected Permanent" in said
    assert words in said


@pytest.mark.dcmtk
def test_dcmtk_is_answered_an_echo_and_its_association_has_a_row(
    tmp_path: Path, database: Database
) -> None:
    with running_scp(scp_settings(tmp_path), database) as node:
        assert echoscu(node).returncode == 0

        wait_until(lambda: node.outcomes() == ["released"], "the release is recorded")
        (opened,) = node.audited("association_opened")
        (closed,) = node.audited("association_closed")
        assert opened.details["calling_ae"] == "ECHOSCU"
        assert closed.reason == "released"


def test_a_listed_calling_title_gets_in(tmp_path: Path, database: Database) -> None:
    settings = scp_settings(tmp_path, calling_ae_titles=("MAMMO1", "MAMMO2"))
    with running_scp(settings, database) as node, RawRequestor(node.address) as line:
        assert line.associate(CONTEXT, calling="MAMMO2").kind == ASSOCIATE_AC
        assert line.echo() == 0x0000
        line.release()


def test_one_association_too_many_is_told_to_come_again(tmp_path: Path, database: Database) -> None:
    settings = scp_settings(tmp_path, max_associations=2)
    with (
        running_scp(settings, database) as node,
        RawRequestor(node.address) as first,
        RawRequestor(node.address) as second,
        RawRequestor(node.address) as third,
        RawRequestor(node.address) as fourth,
    ):
        assert first.associate(CONTEXT).kind == ASSOCIATE_AC
        assert second.associate(CONTEXT).kind == ASSOCIATE_AC
        assert third.associate(CONTEXT).rejection == (2, 3, 2)
        first.release()
        wait_until(lambda: node.open_associations() == 1, "the release is recorded")

        assert fourth.associate(CONTEXT).kind == ASSOCIATE_AC
        assert [row.reason for row in node.audited("association_rejected")] == [
            "local_limit_exceeded"
        ]


OF_ONE_TITLE = {"max_associations_per_ae_title": 2}
OF_ONE_ADDRESS = {"max_associations_per_address": 2}


@pytest.mark.parametrize(
    ("limit", "another", "reason"),
    [
        (OF_ONE_TITLE, ASSOCIATE_AC, "ae_title_limit_exceeded"),
        (OF_ONE_ADDRESS, ASSOCIATE_RJ, "address_limit_exceeded"),
    ],
    ids=["AE title", "address"],
)
def test_one_peer_cannot_take_the_place_of_all_others(
    tmp_path: Path, sqlite_database: Database, limit: dict[str, int], another: int, reason: str
) -> None:
    with (
        running_scp(scp_settings(tmp_path, **limit), sqlite_database) as node,
        contextlib.ExitStack() as lines,
    ):
        greedy = []
        for _ in range(2):
            greedy.append(lines.enter_context(RawRequestor(node.address)))
            assert greedy[-1].associate(CONTEXT, calling="GREEDY").kind == ASSOCIATE_AC
        with RawRequestor(node.address) as line:
            assert line.associate(CONTEXT, calling="GREEDY").rejection == (2, 3, 2)
        with RawRequestor(node.address) as line:
            assert line.associate(CONTEXT, calling="MODEST").kind == another
        refused = node.audited("association_rejected")
        assert {row.reason for row in refused} == {reason}

        greedy[0].release()
        wait_until(lambda: node.open_associations() < 2, "one has ended")

        with RawRequestor(node.address) as line:
            assert line.associate(CONTEXT, calling="GREEDY").kind == ASSOCIATE_AC


def test_an_image_too_many_is_answered_with_why_and_when_and_audited_once(
    tmp_path: Path, sqlite_database: Database
) -> None:
    settings = scp_settings(tmp_path, max_images_per_minute_per_ae_title=2)
    data_set = encoded()
    with running_scp(settings, sqlite_database) as node:
        with RawRequestor(node.address) as line:
            line.associate((MG, [EXPLICIT]), calling="GREEDY")
            answers = [line.store(data_set, sop_class=MG, sop_instance=UID) for _ in range(6)]
        with RawRequestor(node.address) as line:
            line.associate((MG, [EXPLICIT]), calling="MODEST")
            modest, _ = line.store(data_set, sop_class=MG, sop_instance=UID)
        node.scp.stop()

        assert [status for status, _ in answers] == [0x0000] * 2 + [0xA700] * 4
        assert "limit of 2 images a minute, send again in" in answers[-1][1]
        assert modest == 0x0000
        rows = node.audited("instance_refused")
        assert len(rows) == 2
        assert sum(row.details["count"] for row in rows) == 4
        assert {row.details["calling_ae"] for row in rows} == {"GREEDY"}
        assert node.files("spool") == []


def test_a_store_without_a_data_set_counts_as_an_image_of_its_minute(
    tmp_path: Path, sqlite_database: Database
) -> None:
    """Each was refused with an audit row of its own, and no limit held it back."""
    settings = scp_settings(tmp_path, max_images_per_minute_per_ae_title=2)
    request = command(
        (0x0002, MG.encode()),
        (0x0100, us(C_STORE_RQ)),
        (0x0110, us(1)),
        (0x0700, us(0)),
        (0x0800, us(NO_DATA_SET)),
        (0x1000, UID.encode()),
    )
    with running_scp(settings, sqlite_database) as node:
        with RawRequestor(node.address) as line:
            line.associate((MG, [EXPLICIT]))
            answers = []
            for _ in range(6):
                line.send_pdv(1, request, is_command=True)
                answers.append(line.read_status()[0])
        node.scp.stop()

        assert answers == [0xC000] * 2 + [0xA700] * 4
        rows = node.audited("instance_refused")
        assert [row.details["status"] for row in rows] == ["0xC000"] * 2 + ["0xA700"] * 2
        assert [row.details.get("count") for row in rows] == [None, None, 1, 3]


def test_whoever_keeps_connecting_is_answered_and_audited_once_a_minute(
    tmp_path: Path, sqlite_database: Database
) -> None:
    settings = scp_settings(tmp_path, calling_ae_titles=("MAMMO1",))
    with running_scp(settings, sqlite_database) as node:
        for _ in range(10):
            with RawRequestor(node.address) as line:
                assert line.associate(CONTEXT).rejection == (1, 1, 3)
        node.scp.stop()

        rows = node.audited("association_rejected")
        assert [row.details["count"] for row in rows] == [1, 9]


def test_without_a_database_a_peer_is_told_to_come_again(
    tmp_path: Path, sqlite_template: Path
) -> None:
    path = tmp_path / "mgnode.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    with (
        running_scp(scp_settings(tmp_path / "data"), database) as node,
        RawRequestor(node.address) as early,
    ):
        database.dispose()
        path.rename(tmp_path / "away.db")
        assert early.associate(CONTEXT).rejection == (2, 3, 1)

        (tmp_path / "away.db").rename(path)
        with RawRequestor(node.address) as late:
            assert late.associate(CONTEXT).kind == ASSOCIATE_AC
    database.dispose()


def test_a_fault_of_our_own_lets_nobody_in(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("node.scp.associations.decide", broken)
    with running_scp(scp_settings(tmp_path), database) as node, RawRequestor(node.address) as line:
        assert line.associate(CONTEXT).rejection == (2, 3, 1)
        assert node.count(Association) == 0
