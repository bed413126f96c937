"""The SCP as a server of its own, for tests that kill it or take its resources away."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.pdus import ASSOCIATE_AC, EXPLICIT, VERIFICATION
from tests.peer import RawRequestor
from tests.servers import Server, free_port


class ScpProcess(Server):
    """The SCP as a child process, in the repository's folder."""

    def __init__(self, folder: Path, database_url: str) -> None:
        super().__init__(folder)
        self.root = folder / "data"
        self.database_url = database_url
        self.port = free_port()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def arguments(self) -> list[str]:
        script = Path(__file__).with_name("scp_process.py")
        return [sys.executable, str(script), str(self.root), self.database_url, str(self.port)]

    def popen_options(self) -> dict[str, object]:
        return {"env": {"PYTHONPATH": str(Path(__file__).parents[1])}}

    def is_ready(self) -> bool:
        try:
            with RawRequestor(self.address) as line:
                accepted = line.associate((VERIFICATION, [EXPLICIT])).kind == ASSOCIATE_AC
                line.release()
        except ConnectionRefusedError:
            return False
        return accepted
