"""Certificates of an SCP that runs: replaced, broken, about to end; and how it starts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from config.settings import Settings
from node.db.session import Database
from node.errors import UnusableCertificate
from node.scp.server import StorageScp
from node.tls.certificates import fingerprint
from tests.certificates import CertificateFolder
from tests.pdus import ASSOCIATE_AC, EXPLICIT, VERIFICATION
from tests.receiving import running_scp
from tests.secured import TlsRequestor, fingerprint_of, reasons, s_client, shown
from tests.servers import wait_until

# What is told of TLS is told by columns that both databases have alike.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ECHO = (VERIFICATION, [EXPLICIT])


@pytest.fixture
def files(tmp_path: Path) -> CertificateFolder:
    made = CertificateFolder(tmp_path / "tls")
    for name in ("server", "mammo1", "mammo2"):
        made.issue(name, hosts=["localhost", "127.0.0.1", f"{name}.example.org"])
    return made


def test_a_new_certificate_is_taken_while_associations_are_open(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    settings = files.scp_settings(tmp_path / "data")
    with running_scp(settings, database) as node, TlsRequestor(settings, files, "mammo1") as line:
        assert line.associate(ECHO).kind == ASSOCIATE_AC

        files.issue("server")
        wait_until(lambda: len(node.audited("certificate_reloaded")) == 1, "it is taken")

        new = fingerprint_of(files, "server")
        (row,) = node.audited("certificate_reloaded")
        assert row.uid == new
        with TlsRequestor(settings, files, "mammo1") as later:
            der = later.socket.getpeercert(binary_form=True)  # type: ignore[attr-defined]
            assert fingerprint(der) == new
        assert line.echo() == 0x0000
        line.release()


def test_a_broken_certificate_leaves_the_old_one_in_force_and_is_said(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    settings = files.scp_settings(tmp_path / "data")
    old = fingerprint_of(files, "server")
    with running_scp(settings, database) as node:
        files.write("server.pem", b"half a certifi")
        wait_until(lambda: len(node.audited("certificate_refused")) == 1, "it is refused")

        (row,) = node.audited("certificate_refused")
        path = files.certificate("server")
        assert row.reason == f"scp.tls.certificate: {path}: holds no certificate in PEM"
        with TlsRequestor(settings, files, "mammo1") as line:
            der = line.socket.getpeercert(binary_form=True)  # type: ignore[attr-defined]
            assert fingerprint(der) == old

        files.issue("server")
        wait_until(lambda: len(node.audited("certificate_reloaded")) == 1, "the next is taken")


def test_an_authority_that_is_taken_away_is_believed_no_more(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    settings = files.scp_settings(tmp_path / "data")
    with running_scp(settings, database) as node:
        files.write("ca.pem", files.other.certificate)
        wait_until(lambda: len(node.audited("certificate_reloaded")) == 1, "it is taken")
        files.write("ca.pem", files.authority.certificate)

        s_client(settings, *shown(files, "mammo1"))

        wait_until(lambda: reasons(node) == ["certificate_not_trusted"], "it is audited")


def test_what_ends_within_thirty_days_is_told_once_and_what_lasts_longer_is_not(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    files.issue("server", not_after=files.now + timedelta(days=29, hours=1))
    files.issue("pacs", not_after=files.now + timedelta(days=3, hours=1))
    settings = files.scp_settings(tmp_path / "data")
    destination = {
        "ae_title": "PACS",
        "host": "pacs",
        "port": 2762,
        "tls": files.destination_tls("pacs"),
    }
    settings = Settings.model_validate(
        {"storage": settings.storage, "scp": settings.scp, "destinations": {"pacs": destination}}
    )
    for _ in range(2):
        with running_scp(settings, database) as node:
            wait_until(lambda: len(node.audited("certificate_expires")) >= 2, "it is told")

    rows = node.audited("certificate_expires")
    assert [(row.reason, row.uid, row.details["days_left"]) for row in rows] == [
        ("scp.tls.certificate", fingerprint_of(files, "server"), 29),
        ("destinations.pacs.tls.certificate", fingerprint_of(files, "pacs"), 3),
    ]


def test_an_scp_whose_files_cannot_be_used_does_not_start_and_says_all_of_it(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    settings = files.scp_settings(tmp_path / "data", client_ca=tmp_path / "absent.pem")
    files.key("server").chmod(0o644)

    with pytest.raises(UnusableCertificate) as caught:
        StorageScp(settings, database)

    first, second = caught.value.problems
    assert first == f"scp.tls.client_ca: {tmp_path / 'absent.pem'}: No such file or directory"
    assert second.startswith(
        f"scp.tls.key: {files.key('server')}: others can read or change it (mode 0644): chmod 600"
    )
