"""DICOM over TLS into the SCP: who gets in, over what, and what the audit log tells of both."""

from __future__ import annotations

import socket
import ssl
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from node.db.session import Database
from node.db.tables import Association
from tests.certificates import CertificateFolder
from tests.factories import make_mammogram, save_to_folder
from tests.part10_files import data_set_digest
from tests.pdus import ASSOCIATE_AC, ASSOCIATE_RQ, EXPLICIT, VERIFICATION, pdu
from tests.peer import RawRequestor
from tests.receiving import MG, UID, encoded, running_scp
from tests.requirements import program
from tests.secured import (
    TlsRequestor,
    associations,
    fingerprint_of,
    reasons,
    s_client,
    shown,
    tls_address,
)
from tests.servers import wait_until

# What is told of TLS is told by columns that both databases have alike.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ECHO = (VERIFICATION, [EXPLICIT])
STORE = (MG, [EXPLICIT])
# OpenSSL's own level would keep the client from offering what the node has to refuse.
ANYTHING = ["-cipher", "ALL:@SECLEVEL=0"]


@pytest.fixture
def files(tmp_path: Path) -> CertificateFolder:
    made = CertificateFolder(tmp_path / "tls")
    for name in ("server", "mammo1", "mammo2"):
        made.issue(name, hosts=["localhost", "127.0.0.1", f"{name}.example.org"])
    return made


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("name", ["", "mammo1"], ids=["server only", "mutual"])
def test_an_image_comes_over_tls_and_its_row_names_version_and_certificate(
    tmp_path: Path, database: Database, files: CertificateFolder, version: str, name: str
) -> None:
    settings = files.scp_settings(tmp_path / "data", require_client_certificate=bool(name))
    with (
        running_scp(settings, database) as node,
        TlsRequestor(settings, files, name, version) as line,
    ):
        assert line.associate(STORE).kind == ASSOCIATE_AC
        # More than one TLS record, and several PDUs in one: all of it must be read.
        data_set = encoded()
        assert line.store(data_set, sop_class=MG, sop_instance=UID)[0] == 0x0000

        own = fingerprint_of(files, name) if name else ""
        assert associations(node) == [(f"TLSv{version}", own)]
        (opened,) = node.audited("association_opened")
        assert opened.details["tls"] == f"TLSv{version}"
        assert opened.details.get("certificate", "") == own
        line.release()


@pytest.mark.dcmtk
@pytest.mark.parametrize("mutual", [False, True], ids=["server only", "mutual"])
def test_dcmtk_stores_over_tls(
    tmp_path: Path, database: Database, files: CertificateFolder, mutual: bool
) -> None:
    settings = files.scp_settings(tmp_path / "data", require_client_certificate=mutual)
    (path,) = save_to_folder([make_mammogram()], tmp_path / "image")
    how = (
        ["+tla"]
        if not mutual
        else ["+tls", str(files.key("mammo1")), str(files.certificate("mammo1"))]
    )
    host, port = tls_address(settings)
    command = [str(program("storescu")), *how, "+cf", str(files.certificate("ca"))]
    with running_scp(settings, database) as node:
        done = subprocess.run(
            [*command, "-R", "-aec", "MGNODE", host, str(port), str(path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

        assert done.returncode == 0, done.stdout + done.stderr
        (row,) = node.instances()
        assert data_set_digest(node.layout.absolute(row.path)) == data_set_digest(path)
        ((version, certificate),) = associations(node)
        assert version in ("TLSv1.2", "TLSv1.3")
        assert certificate == (fingerprint_of(files, "mammo1") if mutual else "")


REFUSED: dict[str, tuple[str, list[str], str]] = {
    "TLS 1.0": ("mammo1", ["-tls1", *ANYTHING], "old_protocol"),
    "TLS 1.1": ("mammo1", ["-tls1_1", *ANYTHING], "old_protocol"),
    "no forward secrecy": (
        "mammo1",
        ["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
        "no_common_cipher",
    ),
    "CBC": ("mammo1", ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"], "no_common_cipher"),
    "no certificate in 1.2": ("", ["-tls1_2"], "no_certificate"),
    "no certificate in 1.3": ("", [], "no_certificate"),
    "another authority in 1.2": ("alien", ["-tls1_2"], "certificate_not_trusted"),
    "another authority in 1.3": ("alien", [], "certificate_not_trusted"),
    "expired": ("expired", [], "certificate_expired"),
    "not yet valid": ("early", [], "certificate_not_yet_valid"),
    "for servers alone": ("server_only", [], "certificate_unsuitable"),
    "a key of 1024 bits": ("weak", ANYTHING, "certificate_unsuitable"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_openssl_is_refused_and_the_audit_log_says_why(
    tmp_path: Path, database: Database, files: CertificateFolder, case: str
) -> None:
    name, options, reason = REFUSED[case]
    files.issue("alien", by=files.other)
    files.issue("expired", not_after=files.now - timedelta(minutes=1))
    files.issue("early", not_before=files.now + timedelta(days=1))
    files.issue("server_only", for_clients=False)
    files.issue("weak", key=rsa.generate_private_key(public_exponent=65537, key_size=1024))
    settings = files.scp_settings(tmp_path / "data")
    with running_scp(settings, database) as node:
        s_client(settings, *options, *(shown(files, name) if name else []))

        wait_until(lambda: reasons(node) == [reason], "the refusal is audited")
        (row,) = node.audited("connection_refused")
        assert row.details["peer_host"] == "127.0.0.1"
        assert row.details["port"] == settings.scp.tls.port
        assert node.count(Association) == 0


def test_tls_1_3_alone_refuses_1_2(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    settings = files.scp_settings(tmp_path / "data", minimum_version="1.3")
    with running_scp(settings, database) as node:
        with pytest.raises(ssl.SSLError):
            TlsRequestor(settings, files, "mammo1", "1.2")
        with TlsRequestor(settings, files, "mammo1") as line:
            assert line.associate(ECHO).kind == ASSOCIATE_AC

        assert reasons(node) == ["old_protocol"]


def test_who_does_not_believe_us_is_told_apart(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    settings = files.scp_settings(tmp_path / "data")
    with running_scp(settings, database) as node:
        believing = ["-verify_return_error", "-CAfile", files.certificate("other")]
        s_client(settings, *believing, *shown(files, "mammo1"))

        wait_until(lambda: reasons(node) == ["our_certificate_refused"], "it is audited")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_no_session_is_resumed_as_its_certificate_would_not_be_looked_at_again(
    tmp_path: Path, database: Database, files: CertificateFolder, version: str
) -> None:
    settings = files.scp_settings(tmp_path / "data")
    kept = tmp_path / "session"
    with running_scp(settings, database):
        s_client(settings, version, "-sess_out", kept, *shown(files, "mammo1"))
        # In 1.3 a session is a ticket, and none is given.
        again = ["-sess_in", kept] if kept.exists() else []
        done = s_client(settings, version, *again, *shown(files, "mammo1"))

    assert bool(again) == (version == "-tls1_2")
    assert b"\nNew, TLSv1" in done.stdout


def test_dicom_without_tls_is_turned_away_from_the_port_of_tls(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    settings = files.scp_settings(tmp_path / "data")
    with running_scp(settings, database) as node, RawRequestor(tls_address(settings)) as line:
        line.send(pdu(ASSOCIATE_RQ, bytes(68)))

        assert line.is_closed()
        assert reasons(node) == ["not_tls"]


def test_tls_is_turned_away_from_the_plain_port(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    settings = files.scp_settings(tmp_path / "data")
    with running_scp(settings, database) as node, socket.create_connection(node.address) as line:
        context = ssl.create_default_context(cafile=files.certificate("ca"))
        with pytest.raises(OSError):
            context.wrap_socket(line, server_hostname="127.0.0.1")

        assert reasons(node) == ["tls_on_the_plain_port"]


def test_both_ports_serve_beside_each_other_and_one_alone_is_alone(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    settings = files.scp_settings(tmp_path / "data")
    with running_scp(settings, database) as node:
        with RawRequestor(node.address) as plain, TlsRequestor(settings, files, "mammo1") as line:
            assert plain.associate(ECHO).kind == ASSOCIATE_AC
            assert line.associate(ECHO).kind == ASSOCIATE_AC
        assert associations(node)[0] == ("", "")

    settings = files.scp_settings(tmp_path / "data", mode="only")
    with running_scp(settings, database) as node:
        assert node.address == tls_address(settings)
        with pytest.raises(ConnectionRefusedError):
            RawRequestor((settings.scp.host, settings.scp.port))
        with TlsRequestor(settings, files, "mammo1") as line:
            assert line.associate(ECHO).kind == ASSOCIATE_AC


SUBJECT = "CN=mammo1,O=mgnode trial - not for production"


@pytest.mark.parametrize("form", ["DNS name", "subject", "fingerprint"])
def test_a_title_that_is_bound_gets_in_with_its_own_certificate_alone(
    tmp_path: Path, database: Database, files: CertificateFolder, form: str
) -> None:
    name = {
        "DNS name": "mammo1.example.org",
        "subject": SUBJECT,
        "fingerprint": fingerprint_of(files, "mammo1"),
    }[form]
    settings = files.scp_settings(tmp_path / "data", bindings={"MAMMO1": ["x.example.org", name]})
    with running_scp(settings, database) as node:
        with TlsRequestor(settings, files, "mammo1") as line:
            assert line.associate(ECHO, calling="MAMMO1").kind == ASSOCIATE_AC
        with TlsRequestor(settings, files, "mammo2") as line:
            assert line.associate(ECHO, calling="MAMMO1").rejection == (1, 1, 3)

        (row,) = node.audited("association_rejected")
        assert row.reason == "certificate_not_bound"
        assert row.details["calling_ae"] == "MAMMO1"
        assert row.details["certificate"] == fingerprint_of(files, "mammo2")


def test_a_dns_name_that_spells_the_fingerprint_of_another_certificate_binds_nobody(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    name = fingerprint_of(files, "mammo1")
    files.issue("mimic", hosts=[name])
    settings = files.scp_settings(tmp_path / "data", bindings={"MAMMO1": [name]})
    with (
        running_scp(settings, database) as node,
        TlsRequestor(settings, files, "mimic") as line,
    ):
        assert line.associate(ECHO, calling="MAMMO1").rejection == (1, 1, 3)
        assert reasons(node, "association_rejected") == ["certificate_not_bound"]


def test_a_title_that_is_bound_cannot_come_over_the_plain_port(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    settings = files.scp_settings(tmp_path / "data", bindings={"MAMMO1": ["mammo1.example.org"]})
    with running_scp(settings, database) as node:
        with RawRequestor(node.address) as line:
            assert line.associate(ECHO, calling="MAMMO1").rejection == (1, 1, 3)
        with RawRequestor(node.address) as line:
            assert line.associate(ECHO, calling="OTHER").kind == ASSOCIATE_AC

        assert reasons(node, "association_rejected") == ["certificate_not_bound"]
