"""TLS handshakes that fail: none holds a place, and each is told before its peer is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.db.session import Database
from node.tls import serving
from tests.certificates import CertificateFolder
from tests.pdus import ASSOCIATE_AC, EXPLICIT, VERIFICATION
from tests.peer import RawRequestor
from tests.receiving import running_scp
from tests.secured import TlsRequestor, reasons, tls_address
from tests.servers import wait_until

# What is told of TLS is told by columns that both databases have alike.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ECHO = (VERIFICATION, [EXPLICIT])


@pytest.fixture
def files(tmp_path: Path) -> CertificateFolder:
    made = CertificateFolder(tmp_path / "tls")
    for name in ("server", "mammo1"):
        made.issue(name)
    return made


def test_a_handshake_that_stalls_holds_nobody_and_ends(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    settings = files.scp_settings(tmp_path / "data")
    scp = settings.scp.model_copy(update={"acse_timeout_seconds": 1.0})
    settings = settings.model_copy(update={"scp": scp})
    with running_scp(settings, database) as node, RawRequestor(tls_address(settings)) as slow:
        slow.send(b"\x16\x03\x01\x02\x00")
        with TlsRequestor(settings, files, "mammo1") as line:
            assert line.associate(ECHO).kind == ASSOCIATE_AC
            assert line.echo() == 0x0000

            assert slow.is_closed()
            wait_until(lambda: reasons(node) == ["handshake_timeout"], "it is audited")


NO_HANDSHAKE = b"\x16\x03\x01\x00\x05hello"


def test_a_peer_whose_handshake_failed_cannot_stay_by_trickling_bytes(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    """Each byte comes in time, and 65,536 of them would take nine hours."""
    settings = files.scp_settings(tmp_path / "data")
    with running_scp(settings, database), RawRequestor(tls_address(settings)) as odd:
        odd.send(NO_HANDSHAKE)

        def is_cut_off() -> bool:
            try:
                odd.send(b"x")
            except OSError:
                return True
            return False

        wait_until(is_cut_off, "the connection is closed", seconds=10)


def test_a_failed_handshake_is_audited_while_its_peer_still_holds_the_connection(
    tmp_path: Path,
    database: Database,
    files: CertificateFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "FAREWELL_SECONDS", 3600.0)
    settings = files.scp_settings(tmp_path / "data")
    with running_scp(settings, database) as node, RawRequestor(tls_address(settings)) as odd:
        odd.send(NO_HANDSHAKE)

        wait_until(lambda: len(reasons(node)) == 1, "it is audited")
