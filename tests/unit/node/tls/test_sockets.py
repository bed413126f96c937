"""A TLS socket that another thread shuts down, as a stop of the SCP does."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

from node.tls.serving import ServerTls
from tests.certificates import CertificateFolder


def test_after_a_shutdown_no_encrypted_byte_is_taken_for_a_plain_one(tmp_path: Path) -> None:
    files = CertificateFolder(tmp_path / "tls")
    for name in ("server", "mammo1"):
        files.issue(name)
    tls = ServerTls(files.scp_settings(tmp_path / "data").scp.tls)
    theirs, ours = socket.socketpair()
    theirs.settimeout(10.0)
    ours.settimeout(10.0)
    context = ssl.create_default_context(cafile=files.certificate("ca"))
    context.load_cert_chain(files.certificate("mammo1"), files.key("mammo1"))
    made: list[ssl.SSLSocket] = []

    def talk() -> None:
        line = context.wrap_socket(theirs, server_hostname="localhost")
        made.append(line)
        line.sendall(b"as it was said")

    talker = threading.Thread(target=talk)
    talker.start()
    with tls.secure(ours) as connection:
        talker.join()
        connection.shutdown(socket.SHUT_RDWR)

        assert connection.recv(1024) in (b"as it was said", b"")
    made[0].close()
