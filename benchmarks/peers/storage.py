"""Rows about the disk: a full one, and whether success waits for it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.peers.cell import Cell
from benchmarks.peers.data import MG, SECONDS, data_set
from benchmarks.peers.receivers import Node, Receiver
from tests.factories import stable_uid
from tests.pdus import EXPLICIT
from tests.peer import RawRequestor
from tests.servers import running

DISK_MIB: Final = 96
LEFT_MIB: Final = 4
LARGE: Final = {"rows": 3328, "columns": 2560}


def full_disk(make: Callable[[Path], Receiver], folder: Path) -> Cell:
    """Send an image to a disk with 4 MiB left, and again when there is space."""
    with _small_disk(folder) as disk:
        receiver = make(disk / "data")
        receiver.folder.mkdir()
        if isinstance(receiver, Node):
            # Nothing kept free: the disk is to be full, not the setting's idea of it.
            receiver.free_space_gib = 0.0
        with running(receiver):
            filler = disk / "filler"
            _fill(filler)
            first = _store(receiver, "disk full")
            left = len(receiver.images())
            filler.unlink()
            second = _store(receiver, "space again")
    text = first + (", a partial file stays" if left else ", no partial file")
    text += "" if second == "0x0000" else f"; with space again: {second}"
    return Cell(text, meets=first.startswith("0xA7") and not left and second == "0x0000")


def durable(receiver: Receiver) -> Cell:
    """Watch by strace whether files are synchronised before the answer."""
    record = receiver.folder.with_name(f"{receiver.folder.name}.strace")
    (pid, *others) = receiver.descendants()
    pids = [word for each in (pid, *others) for word in ("-p", str(each))]
    calls = "trace=fsync,fdatasync,sync_file_range"
    command = ["strace", "-f", "-ttt", "-y", "-e", calls, "-o", str(record), *pids]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as tracer:  # noqa: S603 - no shell
        time.sleep(2.0)
        status = _store(receiver, "durable")
        answered = time.time()
        time.sleep(1.0)
        tracer.terminate()
    synced = []
    for line in record.read_text(errors="replace").splitlines():
        words = line.split()
        if len(words) > 2 and "sync" in words[2] and float(words[1]) < answered:
            synced.append(line)
    files = [line for line in synced if _is_of_an_image(line)]
    if status != "0x0000":
        return Cell(f"not measured: {status}", meets=False)
    if not synced:
        return Cell("yes, no fsync", meets=False)
    return Cell(f"no: {len(synced)} fsync before, {len(files)} of its file", meets=bool(files))


def _is_of_an_image(line: str) -> bool:
    names = ("sqlite", "index", "-wal", "-shm", "-journal")
    return not any(name in line for name in names)


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """Mount a file system in memory, which takes root."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)  # noqa: S603 - no shell
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S603, S607 - no shell, root's PATH


def _fill(filler: Path) -> None:
    block = bytes(1 << 20)
    with filler.open("wb") as stream:
        try:
            while True:
                stream.write(block)
                stream.flush()
        except OSError:
            stream.truncate(stream.tell() - stream.tell() % (1 << 20) - (LEFT_MIB << 20))


def _store(receiver: Receiver, name: str) -> str:
    uid = stable_uid(name)
    with RawRequestor(receiver.address, seconds=SECONDS) as line:
        try:
            line.associate((MG, [EXPLICIT]), called=receiver.ae_title)
            whole = data_set(uid, **LARGE)
            status, _ = line.store(whole, sop_class=MG, sop_instance=uid)
        except TimeoutError:
            return f"no answer in {SECONDS:.0f} s"
        except (OSError, EOFError, AssertionError):
            return "aborted"
    return f"0x{status:04X}"
