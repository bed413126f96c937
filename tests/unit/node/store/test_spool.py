from __future__ import annotations

import hashlib
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from node.errors import StopError
from node.store.spool import Spool


def parts(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.part"))


def test_a_spooled_file_holds_meta_and_data_and_hashes_the_data_alone(tmp_path: Path) -> None:
    with Spool(tmp_path, "scp") as spool:
        spooled = spool.new_file()
        spooled.write_meta(b"meta")
        spooled.write(b"data ")
        spooled.write(b"set")

        assert spooled.finish() == hashlib.sha256(b"data set").hexdigest()
        assert spooled.path.read_bytes() == b"metadata set"
        assert stat.S_IMODE(spooled.path.stat().st_mode) == 0o600


def test_a_discarded_file_is_gone_and_later_bytes_are_dropped(tmp_path: Path) -> None:
    with Spool(tmp_path, "scp") as spool:
        spooled = spool.new_file()
        spooled.write(b"data")

        spooled.discard()
        spooled.write(b"more")
        spooled.discard()

        assert parts(tmp_path) == []


def test_discarding_does_not_touch_a_file_that_was_renamed(tmp_path: Path) -> None:
    with Spool(tmp_path, "scp") as spool:
        spooled = spool.new_file()
        spooled.write(b"data")
        spooled.finish()
        spooled.path.rename(tmp_path / "kept")

        spooled.discard()

        assert (tmp_path / "kept").read_bytes() == b"data"


def test_opening_sweeps_what_this_and_other_dead_spools_hold(tmp_path: Path) -> None:
    for name in ("scp", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.part").write_bytes(b"half")

    spool = Spool(tmp_path, "scp")
    swept = spool.open()
    spool.close()

    assert swept == 2
    assert parts(tmp_path) == []


def test_a_living_spool_is_not_swept(tmp_path: Path) -> None:
    with Spool(tmp_path, "one") as one:
        spooled = one.new_file()
        with Spool(tmp_path, "two") as two:
            mine = two.new_file()

            assert parts(tmp_path) == sorted([spooled.path, mine.path])
        spooled.discard()
        mine.discard()


def test_two_scps_cannot_use_one_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.store.spool.LOCK_WAIT_SECONDS", 0.1)

    with Spool(tmp_path, "scp"), pytest.raises(StopError, match="another SCP"):
        Spool(tmp_path, "scp").open()


def test_an_scp_waits_for_who_holds_its_spool_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dispatch, and each SCP that starts, hold the lock of a spool while they sweep it."""
    sweeping = Spool(tmp_path, "scp")
    sweeping.open()
    monkeypatch.setattr(time, "sleep", lambda _: sweeping.close())

    with Spool(tmp_path, "scp") as spool:
        spool.new_file().discard()

    assert parts(tmp_path) == []


def test_the_lock_goes_with_the_process_that_was_killed(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from node.store.spool import Spool

spool = Spool(Path(sys.argv[1]), "scp")
spool.open()
spool.new_file().write(b"x" * (1 << 21))
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode == -9
    assert len(parts(tmp_path)) == 1

    spool = Spool(tmp_path, "scp")
    swept = spool.open()
    spool.close()

    assert swept == 1


@pytest.mark.parametrize("name", ["scp@host:104", "../../x", "a/b"])
def test_any_name_makes_one_folder_inside_the_parent(tmp_path: Path, name: str) -> None:
    with Spool(tmp_path / "spool", name) as spool:
        assert spool.folder.parent == tmp_path / "spool"
        assert [path.name for path in tmp_path.iterdir()] == ["spool"]
