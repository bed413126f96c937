"""`mgnode up` as a process: it stops cleanly, is killed without leftovers, refuses to half-work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from config.detecting import DetectorSettings
from config.settings import Settings
from tests.servers import free_port, short_folder, wait_until
from tests.weights_files import reference_weights_file
from tests.worker_process import environment_of

PROGRAMS = 5
"""Broker, SCP, dispatch, network worker and analysis worker."""


class Up:
    """The process and its children."""

    def __init__(self, folder: Path, **groups: Any) -> None:
        settings = Settings.model_validate(
            {
                "storage": {"root": folder / "storage", "free_space_gib": 0.0},
                "scp": {"port": free_port()},
                "destinations": {
                    "pacs": {"ae_title": "PACS", "host": "127.0.0.1", "port": free_port()}
                },
                "log": {"format": "json"},
                **groups,
            }
        )
        self.log = folder / "up.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workers.cli", "up"],
                cwd=folder,
                env=environment_of(settings, folder),
                stdout=log,
                stderr=log,
            )

    def children(self) -> dict[int, str]:
        """Process ids and command lines of what it runs now."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(pid): _command(int(pid)) for pid in path.read_text().split()}

    def serves(self) -> bool:
        return '"node_up"' in self.log.read_text()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if _command(pid)]


@contextmanager
def up(**groups: Any) -> Iterator[Up]:
    with short_folder() as folder:
        made = Up(folder, **groups)
        try:
            yield made
        finally:
            if made.process.poll() is None:
                made.process.terminate()
                made.process.wait(60)


@pytest.fixture
def running() -> Iterator[Up]:
    detector = DetectorSettings(model="reference", weights=reference_weights_file())
    with up(detector=detector) as made:
        wait_until(made.serves, "the node is up", seconds=60)
        yield made


@pytest.mark.tensorflow
def test_a_stop_leaves_no_process_and_ends_with_status_0(running: Up) -> None:
    children = list(running.children())

    running.process.terminate()

    assert running.process.wait(60) == 0
    assert len(children) == PROGRAMS
    assert alive(children) == []


@pytest.mark.tensorflow
def test_kill_9_leaves_no_process_behind(running: Up) -> None:
    """Not one that was started again either: an orphan would hold the port."""
    (scp,) = [pid for pid, command in running.children().items() if command.endswith("serve ")]
    os.kill(scp, signal.SIGKILL)
    wait_until(
        lambda: scp not in running.children() and len(running.children()) == PROGRAMS,
        "the SCP runs again",
    )
    children = list(running.children())

    running.process.kill()
    running.process.wait(10)

    wait_until(lambda: alive(children) == [], "every child has ended", seconds=40)


def test_without_weights_it_stops_all_and_ends_with_status_2() -> None:
    """A node without its detector would look healthy and answer nothing."""
    with up() as made:
        children: set[int] = set()

        def ended() -> bool:
            if made.process.poll() is not None:
                return True
            children.update(made.children())
            return False

        wait_until(ended, "the node has ended", seconds=60)

        assert made.process.returncode == 2
        assert "mgnode model fetch ueda2022" in made.log.read_text()
        assert len(children) >= PROGRAMS
        assert alive(list(children)) == []
