"""DICOM over TLS out: whom the node believes, what it shows, and what it says when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from config.sending import Destination
from node.cli.up import own_address, scp_trouble
from node.db.session import Database
from node.scu.sender import StoreAssociation, echo
from tests.certificates import CertificateFolder
from tests.factories import make_mammogram, save_to_folder
from tests.receiving import running_scp
from tests.sending import MG, SCU, at
from tests.storescp import StoreScp

EXPLICIT = "1.2.840.10008.1.2.1"


# Only the SCP's side has rows, and they are tested there.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def files(tmp_path: Path) -> CertificateFolder:
    made = CertificateFolder(tmp_path / "tls")
    for name in ("pacs", "node"):
        made.issue(name)
    return made


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


@pytest.mark.dcmtk
@pytest.mark.parametrize("mutual", [True, False], ids=["mutual", "server only"])
def test_an_object_goes_to_dcmtk_over_tls(
    tmp_path: Path, files: CertificateFolder, mutual: bool
) -> None:
    (path,) = save_to_folder([make_mammogram()], tmp_path / "image")
    with secure_storescp(tmp_path / "pacs", files, *([] if mutual else ["-ic"])) as pacs:
        destination = pacs.secured("node" if mutual else None)
        with StoreAssociation(destination, SCU, [(MG, EXPLICIT)]) as association:
            assert association.store(path).status == 0x0000
        assert len(pacs.received) == 1


@ON_SQLITE
def test_the_node_reaches_its_own_scp_that_speaks_tls_alone(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    # Not the address that it listens on: that is what modalities call it.
    files.issue("server", hosts=["mgnode.example.org"])
    settings = files.scp_settings(tmp_path / "data", mode="only")
    with running_scp(settings, database):
        assert echo(own_address(settings), SCU) > 0
        assert scp_trouble(settings) == ""

    assert "no connection" in scp_trouble(settings)


@ON_SQLITE
def test_an_scp_that_refuses_our_certificate_is_up_all_the_same(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    files.issue("server", for_clients=False)
    settings = files.scp_settings(tmp_path / "data", mode="only")
    with running_scp(settings, database):
        assert scp_trouble(settings) == ""
