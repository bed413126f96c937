"""Certificates of every kind that a test needs, issued on the spot."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from config.settings import Settings
from config.tls import DestinationTls
from node.tls.trial import TrialAuthority
from tests.receiving import scp_settings
from tests.servers import free_port

HOSTS: Final = ("localhost", "127.0.0.1")


class CertificateFolder:
    """Issues certificates into a folder: ``NAME.pem`` and ``NAME-key.pem``, 0600.

    ``ca.pem`` is the authority that everybody believes, ``other.pem`` one that nobody does.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.now = datetime.now(UTC)
        end = self.now + timedelta(days=300)
        self.authority = TrialAuthority(self.now, end)
        self.other = TrialAuthority(self.now, end, name="another CA")
        self.write("ca.pem", self.authority.certificate)
        self.write("other.pem", self.other.certificate)

    def write(self, name: str, content: bytes, mode: int = 0o600) -> Path:
        path = self.folder / name
        # Replaced as a whole, as those who renew certificates do it.
        fresh = path.with_suffix(".new")
        fresh.touch(mode=mode)
        fresh.write_bytes(content)
        fresh.rename(path)
        return path

    def issue(self, name: str, *, by: TrialAuthority | None = None, **what: Any) -> None:
        """Issue for servers and clients alike, on localhost, if nothing else is said."""
        kinds = {"for_servers": True, "for_clients": True, "hosts": HOSTS}
        issued = (by or self.authority).issue(name, **{**kinds, **what})
        self.write(f"{name}.pem", issued.certificate)
        self.write(f"{name}-key.pem", issued.key)

    def certificate(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}-key.pem"

    def scp_settings(self, root: Path, *, mode: str = "beside", **tls: Any) -> Settings:
        """Give the settings of an SCP that shows ``server`` and believes ``ca``."""
        values = {
            "mode": mode,
            "port": free_port(),
            "certificate": self.certificate("server"),
            "key": self.key("server"),
            "client_ca": self.certificate("ca"),
            **tls,
        }
        return scp_settings(root, tls=values)

    def destination_tls(self, name: str | None = None, **tls: Any) -> DestinationTls:
        """Give the settings of a destination that is believed by ``ca``, and shown ``name``."""
        return DestinationTls.model_validate(
            {
                "enabled": True,
                "ca": self.certificate("ca"),
                "certificate": self.certificate(name) if name else None,
                "key": self.key(name) if name else None,
                **tls,
            }
        )

    def server_context(self, name: str) -> ssl.SSLContext:
        """Give the context of a PACS that shows ``name`` and wants our certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate(name), self.key(name))
        context.load_verify_locations(self.certificate("ca"))
        context.verify_mode = ssl.CERT_REQUIRED
        return context
