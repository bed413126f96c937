"""A web server on loopback that gives files, and misbehaves as it is told."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Served:
    """One file, and how it is given.

    ``script`` holds what happens to the next requests, one after the other: ``("drop", n)``
    ends the connection after n bytes, ``("status", code)`` gives an error page.
    """

    content: bytes
    etag: str = '"1"'
    last_modified: str = ""
    knows_ranges: bool = True
    heeds_if_range: bool = True
    announces_length: bool = True
    script: list[tuple[str, int]] = field(default_factory=list)
    redirect: str = ""


class FileServer(ThreadingHTTPServer):
    """Gives ``files`` by their paths; ``asked`` keeps the headers of each request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, Served] = {}
        self.asked: list[dict[str, str]] = []
        self.scheme = "http"

    def url(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}{path}"

    def serve(self, path: str, content: bytes, **manner: Any) -> Served:
        self.files[path] = Served(content, **manner)
        return self.files[path]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that turns away is a part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: FileServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append({name.lower(): value for name, value in self.headers.items()})
        # A proxy is asked for the whole URL.
        path = "/" + self.path.split("://", 1)[-1].split("/", 1)[1]
        file = self.server.files.get(path)
        if file is None:
            self._error(HTTPStatus.NOT_FOUND)
        elif file.script and file.script[0][0] == "status":
            self._error(HTTPStatus(file.script.pop(0)[1]))
        elif file.redirect:
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", file.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._give(file)

    def _give(self, file: Served) -> None:
        start = self._start(file)
        if start is not None and start >= len(file.content):
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{len(file.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = file.content[start or 0 :]
        if start is None:
            self.send_response(HTTPStatus.OK)
        else:
            self.send_response(HTTPStatus.PARTIAL_CONTENT)
            last = len(file.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(file.content)}")
        for name, value in (("ETag", file.etag), ("Last-Modified", file.last_modified)):
            if value:
                self.send_header(name, value)
        if file.announces_length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        if file.script:
            body = body[: file.script.pop(0)[1]]
            self.close_connection = True
        self.wfile.write(body)
        if not file.announces_length:
            self.close_connection = True

    def _start(self, file: Served) -> int | None:
        """Give where the wanted range begins; None for the whole file."""
        wanted = self.headers.get("Range", "")
        if not file.knows_ranges or not wanted:
            return None
        condition = self.headers.get("If-Range")
        if file.heeds_if_range and condition not in (None, file.etag, file.last_modified):
            return None
        return int(wanted.removeprefix("bytes=").removesuffix("-"))

    def _error(self, status: HTTPStatus) -> None:
        page = b"<html><body>sorry</body></html>"
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def file_server(context: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    """Run a server; with a context it speaks TLS."""
    with FileServer() as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            server.scheme = "https"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
