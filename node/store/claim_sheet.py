"""What a worker process has in hand, in a file that outlives it.

A process that is killed or ends itself cannot say so in its rows. Its sheet says for it:
the rows that it held, and where each of its threads stood, if there was time to write that
(``faulthandler`` writes it without the interpreter's lock, at a crash or when a time limit
has passed). A sheet belongs to the process that holds its lock; the lock goes with the
process, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Final

from node.store.folders import make_folder
from node.store.paths import FILE_MODE

OVERRAN: Final = "OVERRAN"
"""A worker was ended because what it did took longer than its lease."""

WORKER_LOST: Final = "WORKER_LOST"
"""A worker crashed or was killed amid its work."""

LEASE_EXPIRED: Final = "LEASE_EXPIRED"
"""A lease ended, and nothing tells what its worker does."""

_FOLDER: Final = "claims"
_SUFFIX: Final = ".sheet"
_LARGEST: Final = 1 << 20
_FRAME: Final = re.compile(r'^  File "(?P<file>.*)", line (?P<line>\d+) in (?P<function>.*)$')
_THREAD: Final = re.compile(r"^(?:Current thread|Thread) 0x(?P<ident>[0-9a-f]+) ")


@dataclass(frozen=True, slots=True)
class Held:
    """One row in the hands of a process; ``token`` tells this claim from every other of the row."""

    table: str
    row_id: int
    token: str
    thread: int


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a claim ended without its worker's word, and the places where its thread stood."""

    reason: str
    traceback: str = ""


class ClaimSheet:
    """The sheet of this process; for several threads.

    Parameters
    ----------
    run : Path
        Folder ``run`` of the storage, which several hosts may share.
    actor : str
        The process, as the audit log names it.
    """

    def __init__(self, run: Path, actor: str) -> None:
        folder = run / _FOLDER
        make_folder(folder)
        name = re.sub(r"[^A-Za-z0-9@.-]", "_", actor)
        self.path = folder / f"{name}.{secrets.token_hex(8)}{_SUFFIX}"
        aside = self.path.with_suffix(".part")
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND
        self._descriptor = os.open(aside, flags, FILE_MODE)
        self._actor = actor
        self._lock = threading.Lock()
        # Locked before it has the name by which others look for sheets without an owner.
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self.write(())
        aside.rename(self.path)

    def fileno(self) -> int:
        """Give the descriptor, to which ``faulthandler`` appends."""
        return self._descriptor

    def write(self, held: Iterable[Held]) -> None:
        """Say what this process holds now; nothing is synced: a power cut ends the lease too."""
        content = {
            "actor": self._actor,
            "host": socket.gethostname(),
            "held": [asdict(each) for each in held],
        }
        with self._lock:
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{json.dumps(content)}\n".encode())

    def close(self) -> None:
        """Take the sheet away: this process ends as it should."""
        self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class LeftSheet:
    """The sheet of a process that is gone; ours alone until ``remove`` or ``release``."""

    path: Path
    actor: str
    host: str
    held: tuple[Held, ...]
    dump: str
    _descriptor: int

    @property
    def reason(self) -> str:
        """OVERRAN when a time limit ended the process, else WORKER_LOST."""
        return OVERRAN if self.dump.startswith("Timeout (") else WORKER_LOST

    def loss(self, held: Held) -> Loss:
        """Say how one claim ended."""
        return Loss(self.reason, _places(self.dump, held.thread))

    def remove(self) -> None:
        """Take the sheet away: what it says is in the rows."""
        self.path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Leave the sheet to others."""
        os.close(self._descriptor)


def left_sheets(run: Path) -> Iterator[LeftSheet]:
    """Give every sheet whose process is gone."""
    for path in sorted((run / _FOLDER).glob(f"*{_SUFFIX}")):
        sheet = _left(path)
        if sheet is not None:
            yield sheet


def remove_old(run: Path, *, older_than: float) -> None:
    """Remove sheets without an owner that nobody took over for so many seconds.

    They are of hosts that are no more; what they held came back when its leases ended.
    """
    for sheet in left_sheets(run):
        if time.time() - sheet.path.stat().st_mtime > older_than:
            sheet.remove()
        else:
            sheet.release()


def losses(run: Path) -> dict[tuple[str, int, str], Loss]:
    """Tell by table, row and token how claims ended; it changes nothing."""
    found: dict[tuple[str, int, str], Loss] = {}
    for sheet in left_sheets(run):
        for held in sheet.held:
            found[held.table, held.row_id, held.token] = sheet.loss(held)
        sheet.release()
    return found


def _left(path: Path) -> LeftSheet | None:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    first, _, dump = os.pread(descriptor, _LARGEST, 0).decode(errors="replace").partition("\n")
    try:
        content = json.loads(first)
    except json.JSONDecodeError:
        # Killed between the two steps of a write: its leases tell of what it held.
        content = {"actor": path.name.rsplit(".", 2)[0], "host": "", "held": []}
    held = tuple(Held(**each) for each in content["held"])
    return LeftSheet(path, content["actor"], content["host"], held, dump, descriptor)


def _places(dump: str, thread: int) -> str:
    """Give the places of one thread in a dump of ``faulthandler``, outermost first."""
    frames: list[str] = []
    is_ours = False
    for line in dump.splitlines():
        if found := _THREAD.match(line):
            is_ours = int(found["ident"], 16) == thread
        elif is_ours and (frame := _FRAME.match(line)):
            name = "/".join(PurePath(frame["file"]).parts[-2:])
            frames.insert(0, f"{name}:{frame['line']} {frame['function']}")
    return "\n".join([*frames, *dump.splitlines()[:1]]) if frames else ""
