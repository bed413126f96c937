"""PDUs of many small parts, each of which would cost more than its bytes."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from config.settings import Settings
from node.db.session import Database
from node.scp.bounded_socket import LARGEST_PDU, MOST_VALUES
from node.scp.requests import LARGEST_REQUEST
from tests.pdus import ABORT, EXPLICIT, P_DATA, VERIFICATION, c_store_rq, pdu
from tests.peer import RawRequestor
from tests.receiving import MG, UID, encoded, running_scp, scp_settings
from tests.servers import wait_until

CONTEXT = (VERIFICATION, [EXPLICIT])


def patient(root: Path) -> Settings:
    """Give settings whose timeouts no test waits for."""
    timeouts = ("acse", "dimse", "idle", "pdu")
    return scp_settings(root, **{f"{name}_timeout_seconds": 60.0 for name in timeouts})


@pytest.mark.parametrize("values", [MOST_VALUES + 1, LARGEST_PDU // 6 - 1])
def test_a_pdu_of_thousands_of_empty_values_ends_the_association(
    tmp_path: Path, database: Database, values: int
) -> None:
    """Each is an object of pynetdicom's: 32 MiB and half a second of a processor for a MiB."""
    with (
        running_scp(patient(tmp_path / "data"), database) as node,
        RawRequestor(node.address) as line,
    ):
        line.associate((MG, [EXPLICIT]))
        line.send_pdv(1, c_store_rq(MG, UID), is_command=True)

        line.send(pdu(P_DATA, struct.pack(">LBB", 2, 1, 0) * values))

        assert line.read().kind == ABORT
        assert line.is_closed()
        wait_until(lambda: node.outcomes() == ["aborted"], "the end is recorded")


def test_a_data_set_in_many_values_of_one_pdu_is_taken(tmp_path: Path, database: Database) -> None:
    data_set = encoded(rows=512, columns=512)
    size = -(-len(data_set) // MOST_VALUES)
    pieces = [data_set[start : start + size] for start in range(0, len(data_set), size)]
    values = [struct.pack(">LBB", 2 + len(piece), 1, 0) + piece for piece in pieces]
    values[-1] = struct.pack(">LBB", 2 + len(pieces[-1]), 1, 2) + pieces[-1]
    assert MOST_VALUES - 10 < len(values) <= MOST_VALUES
    with (
        running_scp(scp_settings(tmp_path / "data"), database) as node,
        RawRequestor(node.address) as line,
    ):
        line.associate((MG, [EXPLICIT]))
        line.send_pdv(1, c_store_rq(MG, UID), is_command=True)

        line.send(pdu(P_DATA, b"".join(values)))

        assert line.read_status() == (0x0000, "")


def test_a_second_request_of_many_items_ends_the_association_before_it_is_read(
    tmp_path: Path, database: Database
) -> None:
    """PS3.8 Table 9-10: a request on an open association is answered with A-ABORT."""
    with (
        running_scp(patient(tmp_path / "data"), database) as node,
        RawRequestor(node.address) as line,
    ):
        line.associate(CONTEXT)

        line.send(struct.pack(">BxL", 1, LARGEST_REQUEST))

        assert line.read().kind == ABORT
        assert line.is_closed()
