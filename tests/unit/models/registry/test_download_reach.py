"""The way to a server and the place for its file: networks, proxies, TLS, locks, disks."""

from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from models.registry.errors import DownloadError, NoNetwork, WrongDownload
from models.registry.partial import opened_part
from tests.fetching import WHOLE, Fetching
from tests.file_server import FileServer, file_server
from tests.servers import free_port

ROOM = 600_000

REPOSITORY = Path(__file__).resolve().parents[4]
LIMITED = """
import errno, resource, signal, sys
from pathlib import Path
from models.registry.download import download
from models.registry.partial import opened_part
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
with opened_part(Path(sys.argv[1]), sys.argv[2]) as part:
    download(sys.argv[2], part, accept=lambda start: "")
"""


def test_without_a_network_it_gives_up_at_once(fetching: Fetching) -> None:
    with pytest.raises(NoNetwork, match="cannot be reached"):
        fetching(f"http://127.0.0.1:{free_port()}/w.h5")

    assert fetching.pauses == []


def test_a_name_that_nobody_knows_is_no_network(fetching: Fetching) -> None:
    with pytest.raises(NoNetwork, match=r"weights\.invalid"):
        fetching("http://weights.invalid/w.h5")


def test_the_proxy_of_the_environment_is_asked(
    server: FileServer, fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url(""))

    assert fetching("http://weights.invalid/w.h5") == WHOLE


def test_a_socks_proxy_without_its_package_is_named(
    fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")

    with pytest.raises(NoNetwork, match=r"cannot be used: .*SOCKS"):
        fetching("http://weights.invalid/w.h5")


def test_two_downloads_of_one_file_at_once_are_refused(
    server: FileServer, fetching: Fetching
) -> None:
    url = server.url("/w.h5")

    with (
        opened_part(fetching.folder, url),
        pytest.raises(DownloadError, match="another process is downloading"),
    ):
        fetching(url)


def test_a_full_disk_is_told_and_what_came_is_kept(server: FileServer, fetching: Fetching) -> None:
    """A limit on the size of files stands for the disk: the kernel answers alike."""
    url = server.url("/w.h5")
    process = subprocess.run(
        [sys.executable, "-c", LIMITED, str(fetching.folder), url],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "there is no room for" in process.stderr.splitlines()[-1]
    assert 0 < fetching.kept() <= ROOM
    assert fetching(url) == WHOLE
    assert server.asked[-1]["range"].startswith("bytes=")


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """Make a certificate for 127.0.0.1 that no system trusts; its key lies in the same file."""
    path = tmp_path / "authority.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subprocess.run(
        [
            *command.split(),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(path), "-out", str(tmp_path / "cert.pem")),
        ],
        capture_output=True,
        check=True,
    )
    path.write_text(path.read_text() + (tmp_path / "cert.pem").read_text())
    return path


def test_a_certificate_that_nobody_vouches_for_is_refused(
    authority: Path, fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    with file_server(context) as server:
        server.serve("/w.h5", WHOLE)
        with pytest.raises(NoNetwork, match="name its authority in SSL_CERT_FILE"):
            fetching(server.url("/w.h5"))

        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert fetching(server.url("/w.h5")) == WHOLE


def test_a_redirect_away_from_tls_is_refused(
    authority: Path, server: FileServer, fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    with file_server(context) as secure:
        secure.serve("/w.h5", b"", redirect=server.url("/w.h5"))
        with pytest.raises(WrongDownload, match="leads to a connection without TLS"):
            fetching(secure.url("/w.h5"))

    assert fetching.kept() == 0


def test_the_part_is_readable_for_its_owner_alone(server: FileServer, fetching: Fetching) -> None:
    fetching(server.url("/w.h5"))

    modes = {path.stat().st_mode & 0o777 for path in fetching.folder.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert fetching.folder.stat().st_mode & 0o777 == 0o700
