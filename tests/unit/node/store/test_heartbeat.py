from __future__ import annotations

import os
import socket
import stat
import time
from pathlib import Path

import pytest

from node.store.heartbeat import EVERY_SECONDS, Heartbeat


def grow_old(heartbeat: Heartbeat, *, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(heartbeat.path, (then, then))


def test_a_beat_makes_the_file_for_the_owner_alone_and_the_age_counts_from_it(
    tmp_path: Path,
) -> None:
    heartbeat = Heartbeat(tmp_path / "run", "dispatch")
    before = heartbeat.age_seconds()

    heartbeat.beat()
    age = heartbeat.age_seconds()
    grow_old(heartbeat, seconds=100)

    assert before is None
    assert age is not None
    assert age < 60
    assert 100 <= (heartbeat.age_seconds() or 0) < 160
    assert stat.S_IMODE(heartbeat.path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700


def test_a_loop_that_turns_often_touches_the_file_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: seconds)
    heartbeat = Heartbeat(tmp_path, "dispatch")
    heartbeat.beat()
    grow_old(heartbeat, seconds=100)

    seconds += EVERY_SECONDS - 0.1
    heartbeat.beat()
    untouched = heartbeat.age_seconds()
    seconds += 0.2
    heartbeat.beat()

    assert untouched is not None
    assert untouched >= 100
    assert (heartbeat.age_seconds() or 100) < 60


def test_parts_and_hosts_that_share_the_storage_have_a_heartbeat_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeats = [Heartbeat(tmp_path, "analysis"), Heartbeat(tmp_path, "network")]
    monkeypatch.setattr(socket, "gethostname", lambda: "another/../host")
    heartbeats.append(Heartbeat(tmp_path, "analysis"))

    assert len({heartbeat.path for heartbeat in heartbeats}) == 3
    assert {heartbeat.path.parent for heartbeat in heartbeats} == {tmp_path}


def test_a_folder_that_cannot_be_written_stops_no_loop(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    heartbeat = Heartbeat(tmp_path / "run", "dispatch")

    heartbeat.beat()

    assert heartbeat.age_seconds() is None
