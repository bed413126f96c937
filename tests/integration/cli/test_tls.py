"""`mgnode tls check` and `mgnode dev-certs`, beside files and peers that are real."""

from __future__ import annotations

import io
import json
import re
import ssl
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from config.log import configure
from config.settings import LogSettings, Settings
from node.cli.app import app
from node.db.session import Database
from tests.certificates import CertificateFolder
from tests.receiving import running_scp
from tests.requirements import program
from tests.secured import tls_address
from tests.servers import Server, free_port


@pytest.fixture
def quiet() -> None:
    """Keep the log of an SCP in this process out of what a command prints."""
    configure(LogSettings(), "scp", io.StringIO())


@pytest.fixture
def files(tmp_path: Path) -> CertificateFolder:
    made = CertificateFolder(tmp_path / "tls")
    for name in ("server", "pacs", "node"):
        made.issue(name)
    return made


def run(*arguments: object, settings: Settings | None = None) -> Result:
    environ = {}
    if settings is not None:
        values = settings.model_dump(mode="json")
        for name, value in values["scp"]["tls"].items():
            if value not in (None, {}):
                text = value if isinstance(value, str) else json.dumps(value)
                environ[f"MGNODE_SCP__TLS__{name.upper()}"] = text
        environ["MGNODE_SCP__PORT"] = str(settings.scp.port)
        environ["MGNODE_DESTINATIONS"] = json.dumps(values["destinations"])
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=environ)


def findings(result: Result) -> list[tuple[str, str, str]]:
    return [(row["subject"], row["verdict"], row["found"]) for row in json.loads(result.stdout)]


def troubles(result: Result) -> list[tuple[str, str, str]]:
    return [row for row in findings(result) if row[1] != "well"]


def destination(files: CertificateFolder, port: int, name: str = "node", **tls: Any) -> Settings:
    pacs = {
        "ae_title": "PACS",
        "host": "127.0.0.1",
        "port": port,
        "tls": files.destination_tls(name, **tls),
    }
    return Settings.model_validate({"destinations": {"pacs": pacs}})


class OpensslServer(Server):
    """OpenSSL's own server, which offers what it is told to."""

    def __init__(self, folder: Path, files: CertificateFolder, *options: str) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.files, self.options = files, options

    def arguments(self) -> list[str]:
        own = ["-cert", str(self.files.certificate("pacs")), "-key", str(self.files.key("pacs"))]
        where = ["-accept", f"127.0.0.1:{self.port}"]
        return [str(program("openssl")), "s_server", "-quiet", *where, *own, *self.options]

    def is_ready(self) -> bool:
        try:
            ssl.get_server_certificate(("127.0.0.1", self.port))
        except OSError:
            return False
        return True


@contextmanager
def s_server(folder: Path, files: CertificateFolder, *options: str) -> Iterator[OpensslServer]:
    folder.mkdir()
    server = OpensslServer(folder, files, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def test_files_that_fit_are_well(tmp_path: Path, files: CertificateFolder) -> None:
    result = run("tls", "check", "--scp", "--json", settings=files.scp_settings(tmp_path))

    assert result.exit_code == 0
    # Whatever this machine is called, it is not in the certificate.
    assert [found.partition(", not for")[0] for _, _, found in troubles(result)] in (
        [],
        ["is for localhost, 127.0.0.1"],
    )


def expired(files: CertificateFolder) -> None:
    files.issue("server", not_after=files.now - timedelta(minutes=1))


def ending(files: CertificateFolder) -> None:
    files.issue("server", not_after=files.now + timedelta(days=29))


def for_clients(files: CertificateFolder) -> None:
    files.issue("server", for_servers=False)


def nameless(files: CertificateFolder) -> None:
    files.issue("server", hosts=[])


def another_key(files: CertificateFolder) -> None:
    files.key("pacs").replace(files.key("server"))


def readable(files: CertificateFolder) -> None:
    files.key("server").chmod(0o604)


def with_passphrase(files: CertificateFolder) -> None:
    locked = ["-aes128", "-passout", "pass:word", "-out", str(files.key("server"))]
    command = [str(program("openssl")), "ec", "-in", str(files.key("pacs")), *locked]
    subprocess.run(command, check=True, capture_output=True)


def wrong_way_round(files: CertificateFolder) -> None:
    other = files.certificate("pacs").read_bytes()
    files.write("server.pem", files.certificate("server").read_bytes() + other)


@pytest.mark.parametrize(
    ("spoil", "status", "subject", "text"),
    [
        (expired, 1, "certificate", "expired"),
        (ending, 0, "certificate", "valid until"),
        (for_clients, 1, "certificate", "is not for servers"),
        (nameless, 1, "certificate", "names no host"),
        (another_key, 1, "key", "is not the key of"),
        (readable, 1, "key", "others can read or change it"),
        (with_passphrase, 1, "key", "has a passphrase"),
        (wrong_way_round, 1, "certificate", "and has not issued it"),
    ],
)
def test_each_fault_of_a_file_is_told(
    tmp_path: Path, files: CertificateFolder, spoil: Any, status: int, subject: str, text: str
) -> None:
    spoil(files)

    result = run("tls", "check", "--scp", "--json", settings=files.scp_settings(tmp_path))

    assert result.exit_code == status
    assert [row for row in troubles(result) if row[0] == f"scp.tls.{subject}" and text in row[2]]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_scp_of_ours_offers_1_2_and_1_3_and_is_believed(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    settings = files.scp_settings(tmp_path / "data")
    port = tls_address(settings)[1]
    with running_scp(settings, database):
        result = run("tls", "check", "pacs", "--json", settings=destination(files, port))

    assert result.exit_code == 0, result.stdout
    assert ("pacs", "well", "offers TLS 1.2, TLS 1.3") in findings(result)
    assert ("pacs", "well", "is believed: its certificate is that of 127.0.0.1") in findings(result)


def test_a_peer_that_takes_old_versions_too_is_warned_of(
    tmp_path: Path, files: CertificateFolder
) -> None:
    with s_server(tmp_path / "peer", files, "-cipher", "ALL:@SECLEVEL=0") as peer:
        result = run("tls", "check", "pacs", "--json", settings=destination(files, peer.port))

    assert result.exit_code == 0, result.stdout
    assert troubles(result) == [("pacs", "warning", "offers TLS 1.0, TLS 1.1, TLS 1.2, TLS 1.3")]


FAULTS = {
    "another authority": ({}, {"ca": "other.pem"}, "does not come from an authority in tls.ca"),
    "expired": ({"not_after": -1}, {}, "has expired"),
    "wrong host": ({"hosts": ["pacs.example.org"]}, {}, "is not that of 127.0.0.1 (it names pacs."),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_peer_that_the_node_would_not_believe_is_a_problem(
    tmp_path: Path, files: CertificateFolder, fault: str
) -> None:
    issue, tls, text = FAULTS[fault]
    spans = {k: files.now + timedelta(minutes=v) for k, v in issue.items() if k == "not_after"}
    files.issue("pacs", **{**issue, **spans})
    given = {key: files.folder / name for key, name in tls.items()}
    with s_server(tmp_path / "peer", files) as peer:
        settings = destination(files, peer.port, **given)
        result = run("tls", "check", "pacs", "--json", settings=settings)

    assert result.exit_code == 1
    assert [row for row in troubles(result) if row[1] == "problem" and text in row[2]]


def test_a_peer_that_wants_a_certificate_of_ours_is_told_apart(
    tmp_path: Path, files: CertificateFolder
) -> None:
    wanting = ["-Verify", "1", "-verify_return_error", "-CAfile", str(files.certificate("ca"))]
    with s_server(tmp_path / "peer", files, *wanting) as peer:
        settings = destination(files, peer.port, certificate=None, key=None)
        result = run("tls", "check", "pacs", settings=settings)

    assert result.exit_code == 1
    assert "it wants a certificate of ours" in result.stdout


def test_any_peer_can_be_asked_with_and_without_an_authority(
    tmp_path: Path, files: CertificateFolder
) -> None:
    with s_server(tmp_path / "peer", files) as peer:
        address = f"127.0.0.1:{peer.port}"
        unverified = run("tls", "check", address, "--json")
        verified = run("tls", "check", address, "--ca", files.certificate("ca"), "--json")

    assert troubles(unverified) == [(address, "warning", "is not verified: no authority is given")]
    assert troubles(verified) == []


def test_nobody_there_is_a_problem(files: CertificateFolder) -> None:
    result = run("tls", "check", "pacs", "--json", settings=destination(files, free_port()))

    assert result.exit_code == 1
    assert troubles(result) == [("pacs", "problem", "cannot be reached: Connection refused")]


@pytest.mark.parametrize("kind", [[], ["--rsa"]], ids=["ECDSA", "RSA"])
@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_certificates_for_trials_work_as_they_are_pasted(
    tmp_path: Path, database: Database, kind: list[str]
) -> None:
    folder = tmp_path / "trial"
    made = run("dev-certs", folder, "--host", "127.0.0.1", "--days", "60", *kind)
    assert made.exit_code == 0
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    values = tomllib.loads(made.stdout)
    values["scp"]["tls"]["port"] = free_port()
    values["scp"]["port"] = free_port()
    values["storage"] = {"root": tmp_path / "data", "free_space_gib": 0.01}
    uncommented = re.sub(r"^# (?=\[|\w+ = )", "", made.stdout, flags=re.MULTILINE)
    pacs = tomllib.loads(uncommented)["destinations"]["pacs"]
    port = values["scp"]["tls"]["port"]
    values["destinations"] = {
        "self": {"ae_title": "MGNODE", "host": "127.0.0.1", "port": port, **pacs}
    }
    settings = Settings.model_validate(values)

    with running_scp(settings, database):
        result = run("tls", "check", "--json", settings=settings)

    assert result.exit_code == 0, result.stdout
    assert ("self", "well", "is believed: its certificate is that of 127.0.0.1") in findings(result)


def test_certificates_for_trials_replace_nothing(tmp_path: Path) -> None:
    assert run("dev-certs", tmp_path / "trial").exit_code == 0
    before = (tmp_path / "trial" / "trial-ca.pem").read_bytes()

    again = run("dev-certs", tmp_path / "trial")

    assert again.exit_code == 1
    assert (tmp_path / "trial" / "trial-ca.pem").read_bytes() == before
