"""DCMTK's storescp as a receiving peer on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.sending import Destination
from node.errors import TransientFailure
from node.scu.sender import echo
from tests.requirements import program
from tests.sending import SCU, at
from tests.servers import Server, free_port


class StoreScp(Server):
    """DCMTK's storescp: one port, files as they come (+B), byte for byte."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.options = options

    @property
    def destination(self) -> Destination:
        return at(("127.0.0.1", self.port), "STORESCP")

    @property
    def received(self) -> list[Path]:
        return sorted(p for p in self.folder.iterdir() if p != self.log)

    def arguments(self) -> list[str]:
        return [str(program("storescp")), *self.options, "-od", ".", str(self.port)]

    def is_ready(self) -> bool:
        try:
            return echo(self.destination, SCU) > 0
        except TransientFailure:
            return False


@contextmanager
def storescp(folder: Path, *options: str) -> Iterator[StoreScp]:
    folder.mkdir()
    server = StoreScp(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()
