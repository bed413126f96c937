"""The time limit of a process' work, and what its sheet tells when it is over."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from node.store.claim_sheet import ClaimSheet, Held, Loss, left_sheets, losses

REPOSITORY = Path(__file__).resolve().parents[3]


def test_a_process_of_which_a_part_hangs_takes_no_more_and_ends_when_the_rest_has(
    tmp_path: Path,
) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tests.hanging_process", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert process.returncode == 1
    assert process.stdout == "['drain'] and the other one ends\n"
    (loss,) = losses(tmp_path).values()
    assert loss.reason == "OVERRAN"
    assert "tests/hanging_process.py:" in loss.traceback
    assert "hang\n" in loss.traceback


def test_a_process_that_was_killed_leaves_what_it_held_and_no_place(tmp_path: Path) -> None:
    """As the kernel does to a process that is out of memory: nothing can be written then."""
    code = (
        "import os, pathlib, signal, sys\n"
        "from node.store.claim_sheet import ClaimSheet\n"
        "from workers.watchdog import ProcessWatchdog\n"
        "dog = ProcessWatchdog(ClaimSheet(pathlib.Path(sys.argv[1]), 'worker@host:1'))\n"
        "with dog.watching(30) as watch:\n"
        "    watch.hold('instance', [(3, 'a token')])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    process = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=REPOSITORY)

    assert process.returncode == -9
    assert losses(tmp_path) == {("instance", 3, "a token"): Loss("WORKER_LOST", "")}


def test_the_sheet_of_a_living_process_is_nobody_elses(tmp_path: Path) -> None:
    sheet = ClaimSheet(tmp_path, "worker@host:1")
    sheet.write([Held("instance", 1, "a token", threading.get_ident())])

    assert list(left_sheets(tmp_path)) == []
    sheet.close()
    assert list(left_sheets(tmp_path)) == []


@pytest.mark.parametrize("content", ["", "{", '{"held": ['])
def test_a_sheet_that_was_half_written_tells_of_nothing_and_can_be_removed(
    tmp_path: Path, content: str
) -> None:
    sheet = ClaimSheet(tmp_path, "worker@host:1")
    half = sheet.path.with_name("worker@host:2.0123456789abcdef.sheet")
    half.write_text(content)

    (left,) = left_sheets(tmp_path)

    assert (left.actor, left.held, left.reason) == ("worker@host:2", (), "WORKER_LOST")
    left.remove()
    assert not half.exists()
    sheet.close()
