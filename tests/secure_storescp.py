"""DCMTK's storescp over TLS as a receiving peer on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.sending import Destination
from tests.certificates import CertificateFolder
from tests.sending import at
from tests.storescp import StoreScp


class SecureStoreScp(StoreScp):
    """DCMTK's storescp over TLS, which wants a certificate of its peer unless told otherwise."""

    def __init__(
        self, folder: Path, files: CertificateFolder, *options: str, name: str = "pacs"
    ) -> None:
        own = ["+tls", str(files.key(name)), str(files.certificate(name))]
        believed = ["+cf", str(files.certificate("ca"))]
        super().__init__(folder, *own, *believed, *options)
        self.files = files

    @property
    def destination(self) -> Destination:
        return self.secured("node")

    def secured(self, name: str | None, **tls: Any) -> Destination:
        where = at(("127.0.0.1", self.port), "STORESCP")
        return where.model_copy(update={"tls": self.files.destination_tls(name, **tls)})


@contextmanager
def secure_storescp(
    folder: Path, files: CertificateFolder, *options: str
) -> Iterator[SecureStoreScp]:
    folder.mkdir()
    server = SecureStoreScp(folder, files, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()
