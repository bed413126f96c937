"""The four receivers, each a server of its own in a folder of its own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from config.loading import LoadedSettings
from config.receiving import ScpSettings
from config.settings import Settings, StorageSettings
from config.show import as_toml
from node.db.upgrade import upgrade
from node.store.paths import Layout
from tests.orthanc import OrthancServer
from tests.pdus import ASSOCIATE_AC, EXPLICIT, VERIFICATION
from tests.peer import RawRequestor
from tests.requirements import program
from tests.servers import Server, free_port

REPOSITORY: Final = Path(__file__).resolve().parents[2]
SMALLEST: Final = 8192
"""Bytes; a smaller file is no image."""


class Receiver(Server):
    """One of the four; ``ae_title`` is what it answers to."""

    name = ""
    ae_title = "ANY-SCP"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.port

    @property
    def log(self) -> Path:
        """Its output, outside of the folder that may be full."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def is_ready(self) -> bool:
        """Say whether it answers C-ECHO."""
        try:
            with RawRequestor(self.address, seconds=5) as line:
                accepted = line.associate((VERIFICATION, [EXPLICIT]), called=self.ae_title)
                if accepted.kind != ASSOCIATE_AC:
                    return False
                status = line.echo()
                line.release()
        except (OSError, EOFError):
            return False
        return status == 0

    def images(self) -> list[Path]:
        """Files that hold an image or a part of one, visible or not."""
        database = (".sqlite3", ".sqlite3-wal", ".sqlite3-shm", "index", "index-wal", "index-shm")
        return [
            path
            for path in self.folder.rglob("*")
            if path.is_file() and not path.name.endswith(database) and _size(path) >= SMALLEST
        ]

    def stored(self) -> int:
        """How many images a user of it would see."""
        return len(self.images())

    def descendants(self) -> list[int]:
        """Its process and those below it."""
        found = [self.process.pid] if self.process is not None else []
        for pid in found:
            for task in Path("/proc", str(pid), "task").glob("*/children"):
                found += map(int, task.read_text().split())
        return found


class StoreScp(Receiver):
    """DCMTK's storescp with a process for each association."""

    name = "storescp --fork"

    def arguments(self) -> list[str]:
        """Return the command line."""
        options = ["--fork", "--accept-all", "-pdu", "131072", "-od", str(self.folder)]
        return [str(program("storescp")), *options, str(self.port)]


class Orthanc(Receiver):
    """Debian's Orthanc, with its defaults where they matter here."""

    name = "Orthanc"
    ae_title = "ORTHANC"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._inner = OrthancServer(folder)
        self._inner.dicom_port = self.port

    def arguments(self) -> list[str]:
        """Return the command line."""
        return self._inner.arguments()

    def is_ready(self) -> bool:
        """Say whether both of its ports answer."""
        return self._inner.is_ready() and super().is_ready()

    def stored(self) -> int:
        """How many instances it knows of."""
        return self._inner.count_instances()


class PynetdicomApp(Receiver):
    """The storescp application that comes with pynetdicom."""

    name = "pynetdicom app"
    ae_title = "STORESCP"

    def arguments(self) -> list[str]:
        """Return the command line."""
        options = ["-od", str(self.folder), "-ba", "127.0.0.1", "-pdu", "0"]
        return [sys.executable, "-m", "pynetdicom", "storescp", *options, str(self.port)]


class Node(Receiver):
    """``mgnode serve`` on SQLite with its defaults but for the free space that it wants."""

    name = "the node"
    ae_title = "MGNODE"
    free_space_gib = 0.01

    @property
    def settings(self) -> Settings:
        """What it is started with."""
        return Settings(
            storage=StorageSettings(root=self.folder, free_space_gib=self.free_space_gib),
            scp=ScpSettings(port=self.port),
        )

    def arguments(self) -> list[str]:
        """Return the command line, after making what `mgnode up` makes first."""
        Layout(self.folder).create()
        upgrade(self.settings.database_url)
        text = as_toml(LoadedSettings(self.settings, {}))
        self._config.write_text(text, encoding="utf-8")
        return [sys.executable, "-m", "workers.cli", "serve"]

    def popen_options(self) -> dict[str, object]:
        """Name its settings."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MGNODE_")}
        where = {"MGNODE_CONFIG": str(self._config), "PYTHONPATH": str(REPOSITORY)}
        return {"env": {**environment, **where}}

    def stored(self) -> int:
        """Files that a row may name; the spool and the quarantine are none."""
        return sum(1 for path in Layout(self.folder).instances.rglob("*.dcm"))

    @property
    def _config(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.toml")


RECEIVERS: Final[tuple[Callable[[Path], Receiver], ...]] = (StoreScp, Orthanc, PynetdicomApp, Node)


def restart_after_kill(receiver: Receiver) -> None:
    """Kill it with all that it forked, and start it again."""
    for pid in receiver.descendants()[1:]:
        os.kill(pid, signal.SIGKILL)
    receiver.kill()
    receiver.start()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
