"""A whole node inside another program: what `mgnode demo` starts and stops."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from config.loading import LoadedSettings
from config.settings import Settings
from config.show import as_toml
from node.cli.supervisor import Supervisor
from node.cli.up import broker_programs, node_programs, scp_trouble
from node.db.session import Database
from node.db.upgrade import upgrade
from node.errors import StopError
from node.store.paths import Layout

START_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.1


class EmbeddedNode:
    """A running node; its processes write to ``log_file``."""

    def __init__(self, database: Database, supervisor: Supervisor, log_file: Path) -> None:
        self._database = database
        self._supervisor = supervisor
        self._status: int | None = None
        self.log_file = log_file

    @property
    def database(self) -> Database:
        """Its tables."""
        return self._database

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of its programs that run now, by name."""
        return self._supervisor.pids()

    def supervise(self) -> None:
        """Keep its programs running until they are told to stop."""
        self._status = self._supervisor.run()

    def check(self) -> None:
        """Raise StopError when the node has ended by itself."""
        if self._status is not None:
            raise StopError(f"the node ended with status {self._status}: see {self.log_file}")


@contextmanager
def embedded_node(settings: Settings, *, demonstration: bool = False) -> Iterator[EmbeddedNode]:
    """Run every process of a node; entered when its SCP answers.

    The settings are written to a file below ``storage.root`` for the processes to read,
    secrets go to their environment; this program's own ``MGNODE_*`` do not reach them.
    ``demonstration`` lets the demonstration model answer, which no other node does.

    Raises
    ------
    StopError
        The node ended, or did not answer in time; the text names its log.
    """
    layout = Layout(settings.storage.root)
    layout.create()
    config = settings.storage.root.absolute() / "mgnode.toml"
    config.write_text(as_toml(LoadedSettings(settings, {})), encoding="utf-8")
    upgrade(settings.database_url)
    stop = threading.Event()
    log_file = config.with_name("node.log")
    with log_file.open("ab") as output:
        environment = _environment(settings, config)
        programs = [
            *broker_programs(settings),
            *node_programs(environment, demonstration=demonstration),
        ]
        supervisor = Supervisor(programs, stop, output)
        node = EmbeddedNode(Database(settings.database_url), supervisor, log_file)
        # No daemon: the node's processes end with the thread that started them.
        thread = threading.Thread(target=node.supervise, name="supervisor")
        thread.start()
        try:
            _wait_until_up(settings, node)
            yield node
        finally:
            stop.set()
            thread.join()
            node.database.dispose()


def _environment(settings: Settings, config: Path) -> dict[str, str]:
    secrets = {
        "MGNODE_DATABASE__URL": settings.database.url,
        "MGNODE_BROKER__URL": settings.broker.url,
    }
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("MGNODE_")},
        **{name: url.get_secret_value() for name, url in secrets.items() if url is not None},
        "MGNODE_CONFIG": str(config),
    }


def _wait_until_up(settings: Settings, node: EmbeddedNode) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        node.check()
        trouble = scp_trouble(settings)
        if not trouble:
            return
        if time.monotonic() > deadline:
            raise StopError(f"the node does not answer C-ECHO: {trouble}")
        time.sleep(POLL_SECONDS)
