"""Getting the published weights from a server: registered, or refused with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.registry.errors import WrongDownload
from models.registry.fetch import Fetched, fetch
from models.registry.first_use import Seen, check_first_use, record_first_use
from models.registry.folder import find, names
from tests.file_server import FileServer, file_server
from tests.hollow_weights import write_hollow
from tests.tiny_weights import write_tiny

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LATER = datetime(2026, 4, 5, 6, 7, 8, tzinfo=UTC)
URL = "https://weights.invalid/w.h5"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with file_server() as server:
        yield server


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


def fetched(server: FileServer, root: Path) -> Fetched:
    return fetch(
        root,
        url=server.url("/w.h5"),
        picture_url=server.url("/picture.jpg"),
        now=NOW,
        pause=lambda _: None,
    )


def parts(root: Path) -> list[Path]:
    return list(root.rglob("*.part"))


@pytest.mark.tensorflow
def test_weights_without_a_picture_are_registered_and_not_called_proved(
    server: FileServer, root: Path, tmp_path: Path
) -> None:
    content = write_hollow(tmp_path / "hollow.h5").read_bytes()
    server.serve("/w.h5", content)

    found = fetched(server, root)

    assert found.verdict is None
    assert "status 404" in found.unproved_because
    assert find(root, "ueda2022") == found.model
    assert found.model.source == server.url("/w.h5")
    assert found.model.weights.read_bytes() == content
    assert parts(root) == []
    with pytest.raises(WrongDownload, match="gave another file than on 2026-03-04"):
        check_first_use(root, server.url("/w.h5"), Seen(1, "ab"))


@pytest.mark.tensorflow
def test_weights_that_give_another_answer_are_refused_and_deleted(
    server: FileServer, root: Path, tmp_path: Path
) -> None:
    server.serve("/w.h5", write_hollow(tmp_path / "hollow.h5").read_bytes())
    picture = BytesIO()
    Image.fromarray(np.full((800, 800), 90, np.uint8)).save(picture, "PNG")
    server.serve("/picture.jpg", picture.getvalue())

    with pytest.raises(WrongDownload, match=r"is not the published model: shows .* boxes"):
        fetched(server, root)

    assert names(root) == []
    assert [path for path in parts(root) if path.stat().st_size > 100_000] == []
    check_first_use(root, server.url("/w.h5"), Seen(1, "ab"))


@pytest.mark.tensorflow
def test_weights_of_another_network_are_refused_by_name(
    server: FileServer, root: Path, tmp_path: Path
) -> None:
    server.serve("/w.h5", write_tiny(tmp_path / "tiny.h5").read_bytes())

    with pytest.raises(WrongDownload, match=r"cannot be used: .* tensors"):
        fetched(server, root)

    assert names(root) == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<!DOCTYPE html><html>sign in</html>", "no HDF5 file but a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", r"it begins with b'version '"),
        (b"", "it is empty"),
    ],
)
def test_what_is_no_weights_file_is_refused_at_its_first_bytes(
    content: bytes, why: str, server: FileServer, root: Path
) -> None:
    server.serve("/w.h5", content)

    with pytest.raises(WrongDownload, match=why):
        fetched(server, root)


def test_the_first_use_of_a_url_stays_on_record(root: Path) -> None:
    record_first_use(root, URL, Seen(3, "aa"), now=NOW)
    record_first_use(root, URL, Seen(4, "bb"), now=LATER)

    check_first_use(root, URL, Seen(3, "aa"))
    check_first_use(root, f"{URL}?other", Seen(4, "bb"))
    with pytest.raises(
        WrongDownload, match=r"4 bytes with sha256 bb, then 3 bytes with aa.*mgnode model import"
    ):
        check_first_use(root, URL, Seen(4, "bb"))


@pytest.mark.parametrize("found", [Seen(4, "aa"), Seen(3, "ab")])
def test_another_size_or_checksum_is_another_file(found: Seen, root: Path) -> None:
    record_first_use(root, URL, Seen(3, "aa"), now=NOW)

    with pytest.raises(WrongDownload):
        check_first_use(root, URL, found)
