"""What one IPv6 site may hold: it has 2**64 addresses, and counts as one."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from node.db.session import Database
from node.scp.requests import ConnectionRefused
from tests.receiving import running_scp, scp_settings

NETWORKS = ("2001:db8::/32", "127.0.0.0/8")


def test_one_site_cannot_take_the_place_of_all_connections_before_they_ask(
    tmp_path: Path, sqlite_database: Database
) -> None:
    settings = scp_settings(tmp_path, networks=NETWORKS, max_associations_per_address=3)
    with (
        running_scp(settings, sqlite_database) as node,
        contextlib.ExitStack() as held,
        socket.socket() as connection,
    ):
        (server,) = node.scp._servers
        for number in range(3):
            held.enter_context(server.unasked(connection, f"2001:db8::{number:x}"))

        with pytest.raises(ConnectionRefused), server.unasked(connection, "2001:db8::99"):
            pass
        with server.unasked(connection, "2001:db8:1::1"), server.unasked(connection, "127.0.0.1"):
            pass
