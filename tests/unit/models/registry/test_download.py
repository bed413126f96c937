"""One file over a real connection: whole, interrupted, changed, refused."""

from __future__ import annotations

from typing import Any

import pytest

from models.registry.download import IDLE_ATTEMPTS
from models.registry.errors import DownloadError, WrongDownload
from tests.fetching import WHOLE, Fetching
from tests.file_server import FileServer

OTHER = bytes(reversed(range(256))) * 4100
HALF = 600_000


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
