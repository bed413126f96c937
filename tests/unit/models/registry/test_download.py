"""One file over a real connection: whole, interrupted, changed, refused, out of reach."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.registry.download import IDLE_ATTEMPTS, download
from models.registry.errors import DownloadError, NoNetwork, WrongDownload
from models.registry.partial import opened_part
from tests.file_server import FileServer, file_server
from tests.servers import free_port

WHOLE = bytes(range(256)) * 4000
OTHER = bytes(reversed(range(256))) * 4100
HALF = 600_000

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


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as server:
        server.serve("/w.h5", WHOLE)
        yield server


class Fetching:
    """Downloads into one folder, again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pauses: list[float] = []
        self.told: list[tuple[int, int | None]] = []

    def __call__(self, url: str) -> bytes:
        """Give what is there at the end."""
        with opened_part(self.folder, url) as part:
            download(
                url,
                part,
                accept=lambda start: "a web page" if start.startswith(b"<") else "",
                progress=lambda done, size: self.told.append((done, size)),
                pause=self.pauses.append,
            )
            return part.path.read_bytes()

    def kept(self) -> int:
        """Give the bytes that an earlier attempt has left."""
        return sum(path.stat().st_size for path in self.folder.rglob("*.part"))


@pytest.fixture
def fetching(tmp_path: Path) -> Fetching:
    return Fetching(tmp_path / "models")


def interrupted(server: FileServer, fetching: Fetching, **manner: Any) -> str:
    """Leave a part behind, as a command that gave up does; give the URL."""
    file = server.serve("/w.h5", WHOLE, **manner)
    file.script = [("drop", HALF), *[("status", 503)] * IDLE_ATTEMPTS]
    with pytest.raises(DownloadError, match="run the command again to go on"):
        fetching(server.url("/w.h5"))
    assert fetching.kept() == HALF
    server.asked.clear()
    return server.url("/w.h5")


def test_a_file_comes_whole_and_its_progress_is_told(
    server: FileServer, fetching: Fetching
) -> None:
    assert fetching(server.url("/w.h5")) == WHOLE
    assert fetching.told[-1] == (len(WHOLE), len(WHOLE))
    assert fetching.told == sorted(fetching.told)
    assert fetching.pauses == []


def test_a_file_of_which_nobody_tells_the_length_comes_whole(
    server: FileServer, fetching: Fetching
) -> None:
    server.serve("/w.h5", WHOLE, announces_length=False)

    assert fetching(server.url("/w.h5")) == WHOLE


def test_connections_that_break_are_taken_up_where_they_broke(
    server: FileServer, fetching: Fetching
) -> None:
    server.files["/w.h5"].script = [("drop", 1000), ("drop", HALF), ("drop", 0)]

    assert fetching(server.url("/w.h5")) == WHOLE
    ranges = [asked.get("range") for asked in server.asked]
    assert ranges == [None, "bytes=1000-", f"bytes={1000 + HALF}-", f"bytes={1000 + HALF}-"]


def test_the_next_command_goes_on_where_the_last_one_ended(
    server: FileServer, fetching: Fetching
) -> None:
    url = interrupted(server, fetching)

    assert fetching(url) == WHOLE
    (asked,) = server.asked
    assert (asked["range"], asked["if-range"]) == (f"bytes={HALF}-", '"1"')
    assert asked["accept-encoding"] == "identity"


def test_without_an_etag_the_date_decides(server: FileServer, fetching: Fetching) -> None:
    date = "Mon, 05 Sep 2022 08:00:00 GMT"
    url = interrupted(server, fetching, etag="", last_modified=date)

    assert fetching(url) == WHOLE
    assert server.asked[0]["if-range"] == date


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
def test_what_nobody_can_tell_apart_from_another_file_is_not_continued(
    etag: str, server: FileServer, fetching: Fetching
) -> None:
    url = interrupted(server, fetching, etag=etag)

    assert fetching(url) == WHOLE
    assert "range" not in server.asked[0]


def test_a_server_that_knows_no_ranges_gives_the_whole_again(
    server: FileServer, fetching: Fetching
) -> None:
    url = interrupted(server, fetching)
    server.files["/w.h5"].knows_ranges = False

    assert fetching(url) == WHOLE
    assert len(server.asked) == 1


@pytest.mark.parametrize("heeds_if_range", [True, False])
@pytest.mark.parametrize("content", [OTHER, WHOLE[:1000]])
def test_a_file_that_changed_meanwhile_is_not_sewn_together(
    content: bytes, heeds_if_range: bool, server: FileServer, fetching: Fetching
) -> None:
    url = interrupted(server, fetching)
    server.serve("/w.h5", content, etag='"2"', heeds_if_range=heeds_if_range)

    assert fetching(url) == content


def test_a_part_of_which_no_note_was_kept_is_not_continued(
    server: FileServer, fetching: Fetching
) -> None:
    url = interrupted(server, fetching)
    (note,) = fetching.folder.rglob("*.json")
    note.unlink()

    assert fetching(url) == WHOLE
    assert "range" not in server.asked[0]


def test_what_is_complete_is_not_asked_for_again(server: FileServer, fetching: Fetching) -> None:
    fetching(server.url("/w.h5"))
    server.asked.clear()

    assert fetching(server.url("/w.h5")) == WHOLE
    assert server.asked == []


def test_a_part_that_is_complete_though_no_note_says_so_is_complete(
    server: FileServer, fetching: Fetching
) -> None:
    """Of a chunked answer that broke off after its last byte nobody knows the length."""
    file = server.serve("/w.h5", WHOLE, announces_length=False)
    fetching(server.url("/w.h5"))
    (note,) = fetching.folder.rglob("*.json")
    note.write_text('{"validator": "\\"1\\"", "size": null}')
    file.announces_length = True

    assert fetching(server.url("/w.h5")) == WHOLE
    assert server.asked[-1]["range"] == f"bytes={len(WHOLE)}-"


def test_a_redirect_is_followed(server: FileServer, fetching: Fetching) -> None:
    server.serve("/release", b"", redirect=server.url("/w.h5"))

    assert fetching(server.url("/release")) == WHOLE


def test_a_missing_file_is_told_at_once(server: FileServer, fetching: Fetching) -> None:
    with pytest.raises(WrongDownload, match=r"/gone\.h5 answers with status 404 Not Found"):
        fetching(server.url("/gone.h5"))

    assert len(server.asked) == 1


def test_a_busy_server_is_asked_again_with_growing_pauses(
    server: FileServer, fetching: Fetching
) -> None:
    server.files["/w.h5"].script = [("status", 503), ("status", 429), ("status", 502)]

    assert fetching(server.url("/w.h5")) == WHOLE
    assert fetching.pauses == [2.0, 4.0, 8.0]


def test_a_web_page_is_refused_and_costs_no_byte_of_what_was_here(
    server: FileServer, fetching: Fetching
) -> None:
    """The page of a proxy that wants a password comes with status 200."""
    url = interrupted(server, fetching)
    server.serve("/w.h5", b"<html>who are you?</html>", etag="")

    with pytest.raises(WrongDownload, match="something else: a web page"):
        fetching(url)

    assert fetching.kept() == HALF


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
    assert 0 < fetching.kept() <= HALF
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
