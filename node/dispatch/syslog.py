"""Telling a syslog receiver the head of the audit log.

A message goes over a connection of its own: on one that is kept, the first message after
the receiver went away would be lost without an error.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from node.db.audit_row import canonical_moment

TIMEOUT_SECONDS: Final = 5.0
_PRIORITY: Final = 13 * 8 + 5
"""Facility "log audit", severity "notice" (RFC 5424, 6.2.1)."""


def send(target: str, message: str, *, at: datetime) -> None:
    """Send one message to a local socket, or over UDP or TCP.

    RFC 5424 over the network, over TCP with octet counting (RFC 6587, 3.4.1); the older form
    (RFC 3164) to a local socket, whose readers expect it.

    Raises
    ------
    OSError
        It did not leave this host. No syslog receiver says that it has kept a message.
    """
    if target.startswith("/"):
        _send_locally(target, f"<{_PRIORITY}>mgnode[{os.getpid()}]: {message}".encode())
        return
    where = urlsplit(target)
    address = (where.hostname or "", where.port or 514)
    header = f"{canonical_moment(at)} {socket.gethostname()} mgnode {os.getpid()} AUDITHEAD -"
    data = f"<{_PRIORITY}>1 {header} {message}".encode()
    if where.scheme == "tcp":
        with socket.create_connection(address, TIMEOUT_SECONDS) as connection:
            connection.sendall(f"{len(data)} ".encode() + data)
        return
    family, kind, protocol, _, resolved = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as sender:
        sender.sendto(data, resolved)


def _send_locally(path: str, data: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(TIMEOUT_SECONDS)
        sender.connect(path)
        sender.send(data)
