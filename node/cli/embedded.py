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
from node.cli.up import broker_programs, node_programs, own_address
from node.db.session import Database
from node.db.upgrade import upgrade
from node.errors import NodeError, StopError
from node.scu.sender import echo
from node.store.paths import Layout

START_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.1


class EmbeddedNode:
    """A running node; its processes write to ``log_file``."""

    def __init__(self, database: Database, log_file: Path) -> None:
        self._database = database
        self._log_file = log_file
        self.status: int | None = None

    @property
    def database(self) -> Database:
        """Its tables."""
        return self._database

    def check(self) -> None:
        """Raise StopError when the node has ended by itself."""
        if self.status is not None:
            raise StopError(f"the node ended with status {self.status}: see {self._log_file}")


@contextmanager
def embedded_node(settings: Settings) -> Iterator[EmbeddedNode]:
    """Run every process of a node; entered when its SCP answers C-ECHO.

    The settings are written to a file below ``storage.root``, for the processes to
    read: variables of this program's environment do not reach them.

    Raises
    ------
    StopError
        The node ended, or did not answer in time; the text names its log.
    """
    layout = Layout(settings.storage.root)
    layout.create()
    config = settings.storage.root.absolute() / "mgnode.toml"
    config.write_text(as_toml(LoadedSettings(settings, {})), encoding="utf-8")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("MGNODE_")
    } | {"MGNODE_CONFIG": str(config)}
    upgrade(settings.database_url)
    stop = threading.Event()
    node = EmbeddedNode(Database(settings.database_url), config.with_name("node.log"))
    with config.with_name("node.log").open("ab") as output:
        programs = [*broker_programs(settings), *node_programs(environment)]
        supervisor = Supervisor(programs, stop, output)

        def supervise() -> None:
            node.status = supervisor.run()

        thread = threading.Thread(target=supervise, name="supervisor")
        thread.start()
        try:
            _wait_for_echo(settings, node)
            yield node
        finally:
            stop.set()
            thread.join()
            node.database.dispose()


def _wait_for_echo(settings: Settings, node: EmbeddedNode) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        node.check()
        try:
            echo(own_address(settings), settings.scu)
        except NodeError as error:
            if time.monotonic() > deadline:
                raise StopError(f"the node does not answer C-ECHO: {error}") from error
            time.sleep(POLL_SECONDS)
        else:
            return
