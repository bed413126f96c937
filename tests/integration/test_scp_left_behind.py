"""What a request leaves in memory and spool goes with its answer, not with its association."""

from __future__ import annotations

import gc
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.db.session import Database
from node.dicom.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE
from node.scp.incoming import IncomingDataSet
from tests.pdus import A_DATA_SET, EXPLICIT, IMPLICIT, VERIFICATION, command, us
from tests.peer import RawRequestor
from tests.receiving import MG, UID, RunningScp, running_scp, scp_settings
from tests.servers import wait_until

MANY = 40
N_EVENT_REPORT_RQ = 0x0100


@pytest.fixture
def node(tmp_path: Path, sqlite_database: Database) -> Iterator[RunningScp]:
    with running_scp(scp_settings(tmp_path / "data"), sqlite_database) as running:
        yield running


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a path for each would be opened


def data_sets_in_memory() -> list[IncomingDataSet]:
    return [each for each in gc.get_objects() if isinstance(each, IncomingDataSet)]


def event_report(line: RawRequestor, data_set: bytes) -> int:
    """Send one commitment report and return its status."""
    request = command(
        (0x0002, PUSH_MODEL.encode()),
        (0x0100, us(N_EVENT_REPORT_RQ)),
        (0x0110, us(1)),
        (0x0800, us(A_DATA_SET)),
        (0x1000, PUSH_MODEL_INSTANCE.encode()),
        (0x1002, us(1)),
    )
    line.send_pdv(1, request, is_command=True)
    line.send_data_set(data_set, fragment=64_000)
    return line.read_status()[0]


@pytest.mark.parametrize(("context", "sop_class"), [(3, VERIFICATION), (1, VERIFICATION)])
def test_stores_that_name_verification_leave_nothing_while_their_association_goes_on(
    node: RunningScp, context: int, sop_class: str
) -> None:
    """Each left its file open until the peer went: a thousand of them stopped the whole SCP."""
    with RawRequestor(node.address) as line:
        line.associate((MG, [EXPLICIT]), (VERIFICATION, [EXPLICIT]))
        before = descriptors()

        answers = {
            line.store(bytes(64), sop_class=sop_class, sop_instance=UID, context=context)[0]
            for _ in range(MANY)
        }

        assert answers == {0x0211}
        assert node.files("spool") == []
        assert descriptors() < before + MANY // 2


def test_event_reports_and_echoes_are_forgotten_when_they_are_answered(node: RunningScp) -> None:
    """Each stayed in memory, a megabyte of it, until its association ended."""
    element = struct.pack("<HHL", 0x0009, 0x1010, 900_000) + bytes(900_000)
    with RawRequestor(node.address) as line:
        line.associate((PUSH_MODEL, [IMPLICIT]), (VERIFICATION, [EXPLICIT]))

        assert {event_report(line, element) for _ in range(MANY // 4)} == {0x0115}
        assert {line.echo(context=3) for _ in range(MANY)} == {0x0000}

        wait_until(lambda: len(data_sets_in_memory()) <= 3, "the answered ones are gone")
        wait_until(
            lambda: (
                sum(len(each.getvalue()) for each in data_sets_in_memory() if not each.closed) == 0
            ),
            "and their bytes",
        )
