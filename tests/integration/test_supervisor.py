"""The supervisor of `mgnode up` with small real programs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from node.cli.supervisor import Program, Supervisor, _die_with
from tests.servers import wait_until

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


class Running:
    """A supervisor in a thread of its own."""

    def __init__(self, *programs: Program) -> None:
        self.stop = threading.Event()
        self.supervisor = Supervisor(programs, self.stop)
        self.status: int | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        self.status = self.supervisor.run()

    def pid(self, name: str, *, other_than: int = 0) -> int:
        """Wait until a program runs, again if need be; give its process id."""
        wait_until(
            lambda: self.supervisor.pids().get(name, other_than) != other_than, f"{name} runs"
        )
        return self.supervisor.pids()[name]


@contextmanager
def running(*programs: Program) -> Iterator[Running]:
    made = Running(*programs)
    try:
        yield made
    finally:
        made.stop.set()
        made.thread.join(40)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_stop_ends_every_program_with_status_0() -> None:
    with running(Program("one", SLEEP), Program("two", SLEEP)) as made:
        pids = [made.pid("one"), made.pid("two")]

    assert made.status == 0
    assert [pid for pid in pids if is_alive(pid)] == []


def test_the_programs_end_before_the_server_they_talk_to(tmp_path: Path) -> None:
    script = """
import signal, sys, time
name, order = sys.argv[1:]
def end(*_):
    with open(order, "a") as stream:
        stream.write(name)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
open(order + name, "w").close()
time.sleep(600)
"""
    order = tmp_path / "order"

    def program(name: str, *, is_server: bool) -> Program:
        command = (sys.executable, "-c", script, name, str(order))
        return Program(name, command, is_server=is_server)

    with running(program("B", is_server=True), program("w", is_server=False)):
        wait_until(
            lambda: all(order.with_name(f"order{name}").exists() for name in "Bw"), "both are up"
        )

    assert order.read_text() == "wB"


def test_a_program_that_cannot_work_stops_all_with_its_status() -> None:
    cannot = Program("cannot", (sys.executable, "-c", "raise SystemExit(2)"))

    with running(Program("other", SLEEP), cannot) as made:
        other = made.pid("other")
        wait_until(lambda: made.status is not None, "all have stopped")

    assert made.status == 2
    assert not is_alive(other)


@pytest.mark.parametrize("status", [1, 3])
def test_a_program_that_ends_otherwise_is_started_again(tmp_path: Path, status: int) -> None:
    count = tmp_path / "count"
    ends = Program(
        "ends",
        (sys.executable, "-c", f"open({str(count)!r}, 'a').write('x'); raise SystemExit({status})"),
    )

    with running(ends) as made:
        wait_until(lambda: count.exists() and len(count.read_text()) >= 2, "it ran twice")

    assert made.status == 0


def test_a_program_that_dies_again_and_again_waits_no_longer_than_its_longest_pause(
    tmp_path: Path,
) -> None:
    count = tmp_path / "count"
    script = f"open({str(count)!r}, 'a').write('x'); raise SystemExit(1)"
    ends = Program("ends", (sys.executable, "-c", script), longest_pause_seconds=0.1)

    with running(ends):
        # With pauses that double from 1 s on, the sixth start would come after 31 s.
        wait_until(lambda: count.exists() and len(count.read_text()) >= 6, "it ran six times")


def test_a_program_that_is_killed_is_started_again_and_the_others_go_on() -> None:
    with running(Program("one", SLEEP), Program("two", SLEEP)) as made:
        one, two = made.pid("one"), made.pid("two")
        os.kill(one, 9)

        assert made.pid("one", other_than=one) != one
        assert made.pid("two") == two


def test_a_program_gets_the_environment_it_was_given_alone(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    script = f"import os; open({str(seen)!r}, 'w').write(repr(sorted(os.environ)))"
    only = Program("only", (sys.executable, "-c", script), environment={"ONLY": "this"})

    with running(only):
        wait_until(lambda: seen.exists() and seen.read_text().endswith("]"), "it has looked")

    assert "'ONLY'" in seen.read_text()
    assert "'PATH'" not in seen.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_program_whose_supervisor_died_before_it_began_does_not_begin() -> None:
    """Killed between the fork and the wish to be told, it would leave an orphan for ever."""
    command = [sys.executable, "-c", "print('began')"]

    orphan = subprocess.run(
        command, preexec_fn=partial(_die_with, 1), capture_output=True, check=False
    )
    child = subprocess.run(
        command, preexec_fn=partial(_die_with, os.getpid()), capture_output=True, check=False
    )

    assert (orphan.stdout, child.stdout) == (b"", b"began\n")
