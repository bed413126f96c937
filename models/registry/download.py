"""Download one file, going on where an earlier attempt ended."""

from __future__ import annotations

import errno
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import httpx

from models.registry.errors import DownloadError, NoNetwork, WrongDownload
from models.registry.partial import Note, Part

TIMEOUT: Final = httpx.Timeout(30.0, read=60.0)
"""Seconds for each step: a connection, a write, a piece of the answer."""

IDLE_ATTEMPTS: Final = 5
"""Attempts in a row that brought no byte."""
ATTEMPTS: Final = 100
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0

LARGEST: Final = 4 << 30
"""Bytes; the largest of the known forms is 858 MB."""

_CONTENT_RANGE: Final = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_UNREACHABLE: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

Progress = Callable[[int, int | None], None]
"""Is told the bytes that are here, and those of the whole when the server says so."""


class _Again(Exception):
    """The next attempt may do better; what came is kept."""


class _Answer(NamedTuple):
    """What the head of an answer says; ``start`` is the place of its first byte."""

    start: int
    note: Note


def download(
    url: str,
    part: Part,
    *,
    accept: Callable[[bytes], str],
    progress: Progress = lambda _done, _size: None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Fill ``part`` with the whole file.

    Proxies are those of the environment (HTTPS_PROXY, NO_PROXY); certificates are checked
    against the system's authorities and those of certifi.

    Parameters
    ----------
    accept : callable
        Says what is wrong with the first bytes of the file; empty when nothing is.

    Raises
    ------
    NoNetwork
        The server could not be reached at all.
    DownloadError
        It ended before its end; calling again goes on there.
    WrongDownload
        The server gives something else.
    """
    if part.is_complete:
        progress(part.size, part.note.size)
        return
    with _errors_told(url), _client() as client:
        idle, at_start = 0, part.size
        for _ in range(ATTEMPTS):
            before = part.size
            try:
                _attempt(client, url, part, accept, progress)
            except (_Again, httpx.TransportError) as error:
                part.sync()
                # A server that gave nothing yet is told at once: there is no network.
                if isinstance(error, _UNREACHABLE) and part.size == at_start:
                    raise
                idle = 0 if part.size > before else idle + 1
                if idle >= IDLE_ATTEMPTS:
                    raise
                pause(min(FIRST_PAUSE_SECONDS * 2**idle, LONGEST_PAUSE_SECONDS))
            else:
                part.sync()
                return
    raise DownloadError(f"{url} broke off {ATTEMPTS} times; run the command again to go on")


def _client() -> httpx.Client:
    context = httpx.create_ssl_context()
    # A hospital's own authority stands in the system's store, not in certifi's.
    context.load_default_certs()
    return httpx.Client(
        timeout=TIMEOUT,
        follow_redirects=True,
        verify=context,
        # The bytes as they lie on the server: ranges of a compressed answer are others.
        headers={"Accept-Encoding": "identity", "User-Agent": "mgnode"},
    )


@contextmanager
def _errors_told(url: str) -> Iterator[None]:
    """Say what happened in words for the person at the command."""
    try:
        yield
    except _UNREACHABLE as error:
        if _is_certificate(error):
            raise NoNetwork(
                f"{url}: the server's certificate cannot be checked ({error}); behind a proxy "
                "that opens TLS, name its authority in SSL_CERT_FILE"
            ) from error
        raise NoNetwork(f"{url} cannot be reached: {_words(error)}") from error
    except (_Again, httpx.HTTPError) as error:
        raise DownloadError(
            f"{url} broke off: {_words(error)}; run the command again to go on"
        ) from error
    except (httpx.InvalidURL, ImportError) as error:
        # ImportError: httpx wants another package for a SOCKS proxy.
        raise NoNetwork(f"{url} cannot be used: {error}") from error
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DownloadError(
            f"there is no room for {url} ({error.strerror}); what came is kept: make room and "
            "run the command again"
        ) from error


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _is_certificate(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY" in str(seen):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _attempt(
    client: httpx.Client,
    url: str,
    part: Part,
    accept: Callable[[bytes], str],
    progress: Progress,
) -> None:
    have = part.size
    headers = {}
    if have and part.note.validator:
        # If-Range: a file that has changed meanwhile comes whole, not as a wrong second half.
        headers = {"Range": f"bytes={have}-", "If-Range": part.note.validator}
    with client.stream("GET", url, headers=headers) as response:
        _check_way(response)
        answer = _read_head(response, url, part, asked=have if headers else 0)
        if answer is None:
            return
        pieces = response.iter_raw()
        first = next(pieces, b"")
        if answer.start == 0:
            if problem := accept(first):
                raise WrongDownload(f"{url} gives something else: {problem}")
            # Not before this line: an error page must not cost what came earlier.
            part.empty()
        part.keep_note(answer.note)
        while first:
            part.append(first)
            if part.size > (answer.note.size or LARGEST):
                part.empty()
                raise WrongDownload(f"{url} gives more bytes than it announced")
            progress(part.size, answer.note.size)
            first = next(pieces, b"")
    if answer.note.size is not None and part.size != answer.note.size:
        raise _Again(f"{part.size} of {answer.note.size} bytes came")
    part.keep_note(Note(answer.note.validator, part.size))


def _check_way(response: httpx.Response) -> None:
    """Refuse a redirect from https to a plain connection: anybody could answer there."""
    schemes = [step.url.scheme for step in (*response.history, response)]
    if schemes[0] == "https" and set(schemes) != {"https"}:
        raise WrongDownload(f"{response.history[0].url} leads to a connection without TLS")


def _read_head(response: httpx.Response, url: str, part: Part, *, asked: int) -> _Answer | None:
    """Say where the answer belongs; None when everything is here already."""
    status = response.status_code
    validator = _validator(response)
    if status == httpx.codes.OK:
        length = response.headers.get("Content-Length", "")
        return _Answer(0, Note(validator, int(length) if length.isdecimal() else None))
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    total = int(found[3]) if found and found[3] != "*" else None
    if status == httpx.codes.PARTIAL_CONTENT and asked:
        starts_here = found is not None and found[1] == str(asked)
        # The date may be left out of an answer to If-Range (RFC 9110, 15.3.7).
        is_same = validator in ("", part.note.validator) and total in (None, part.note.size)
        if starts_here and is_same:
            return _Answer(asked, part.note)
        part.empty()
        raise _Again("the server answered with bytes of another file")
    if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and asked:
        if total == asked:
            part.keep_note(Note(part.note.validator, asked))
            return None
        part.empty()
        raise _Again("the file on the server is shorter than what is here")
    text = f"{url} answers with status {status} {response.reason_phrase}"
    if status in _TRY_AGAIN:
        raise _Again(text)
    raise WrongDownload(text)


def _validator(response: httpx.Response) -> str:
    """Give what If-Range may hold: a strong ETag, else the date of the last change."""
    etag: str = response.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return etag
    return str(response.headers.get("Last-Modified", ""))
