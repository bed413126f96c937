"""A whole node inside another program: what `mgnode demo` starts and stops."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
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
from node.store.files import append_to, write_durably
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
def embedded_node(
    settings: Settings,
    *,
    demonstration: bool = False,
    longest_pause_seconds: float | None = None,
) -> Iterator[EmbeddedNode]:
    """Run every process of a node; entered when its SCP answers.

    The settings are written to files below ``storage.root`` for the processes to read,
    secrets to some of their own; this program's own ``MGNODE_*`` do not reach them.
    ``demonstration`` lets the demonstration model answer, which no other node does.
    ``longest_pause_seconds`` is for processes that are killed on purpose, again and again.

    Raises
    ------
    StopError
        The node ended, or did not answer in time; the text names its log.
    """
    layout = Layout(settings.storage.root)
    layout.create()
    config = settings.storage.root.absolute() / "mgnode.toml"
    write_durably(config, as_toml(LoadedSettings(settings, {})).encode())
    upgrade(settings.database_url)
    stop = threading.Event()
    log_file = config.with_name("node.log")
    with append_to(log_file) as output:
        environment = environment_of(settings, config, layout.run)
        programs = [
            *broker_programs(settings),
            *node_programs(environment, demonstration=demonstration),
        ]
        if longest_pause_seconds is not None:
            programs = [
                replace(program, longest_pause_seconds=longest_pause_seconds)
                for program in programs
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


def environment_of(settings: Settings, config: Path, run: Path) -> dict[str, str]:
    """Name the settings' files: what an environment holds stands in /proc as long as it runs."""
    secrets = {"DATABASE__URL": settings.database.url, "BROKER__URL": settings.broker.url}
    files = {}
    for name, url in secrets.items():
        if url is not None:
            file = run.absolute() / name.lower()
            write_durably(file, url.get_secret_value().encode())
            files[f"MGNODE_{name}_FILE"] = str(file)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("MGNODE_")},
        **files,
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
