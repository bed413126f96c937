"""Peers of an SCP that speaks TLS, and what can be seen of them there."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

from sqlalchemy import select

from config.settings import Settings
from node.db.tables import Association
from node.tls.certificates import fingerprint
from tests.certificates import CertificateFolder
from tests.peer import RawRequestor
from tests.receiving import RunningScp
from tests.requirements import program


def tls_address(settings: Settings) -> tuple[str, int]:
    return settings.scp.host, settings.scp.tls.port


class TlsRequestor(RawRequestor):
    """Asks for an association over TLS."""

    def __init__(
        self, settings: Settings, files: CertificateFolder, name: str = "", version: str = "1.3"
    ) -> None:
        super().__init__(tls_address(settings))
        context = ssl.create_default_context(cafile=files.certificate("ca"))
        context.maximum_version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[
            version
        ]
        if name:
            context.load_cert_chain(files.certificate(name), files.key(name))
        plain = self.socket
        try:
            self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
        except OSError:
            plain.close()
            raise


def s_client(settings: Settings, *options: object) -> subprocess.CompletedProcess[bytes]:
    """Connect with OpenSSL's client, and go."""
    host, port = tls_address(settings)
    command = [str(program("openssl")), "s_client", "-connect", f"{host}:{port}"]
    return subprocess.run(
        [*command, *map(str, options)], input=b"", capture_output=True, timeout=30, check=False
    )


def shown(files: CertificateFolder, name: str) -> list[Path | str]:
    return ["-cert", files.certificate(name), "-key", files.key(name)]


def fingerprint_of(files: CertificateFolder, name: str) -> str:
    text = files.certificate(name).read_text(encoding="ascii")
    return fingerprint(ssl.PEM_cert_to_DER_cert(text))


def reasons(node: RunningScp, event: str = "connection_refused") -> list[str]:
    return [row.reason for row in node.audited(event)]


def associations(node: RunningScp) -> list[tuple[str, str]]:
    with node.database.read() as session:
        found = select(Association.tls, Association.certificate).order_by(Association.id)
        return [(row.tls, row.certificate) for row in session.execute(found)]
