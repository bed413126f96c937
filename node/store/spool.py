"""Data sets on their way in: one folder for each SCP, swept when it starts.

A spool folder belongs to the process that holds its lock. The lock goes with
the process, however it ends, so what lies in an unlocked spool is what a dead
process was receiving: its sender never got an answer, and the bytes are removed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from node.errors import StopError
from node.store.folders import FOLDER_MODE
from node.store.paths import FILE_MODE

_LOCK_NAME: Final = "lock"
_SUFFIX: Final = ".part"
_BUFFER_BYTES: Final = 1 << 20
_LOOK_AGAIN_SECONDS: Final = 0.02

LOCK_WAIT_SECONDS: Final = 2.0
"""Who sweeps a spool that nobody owns holds its lock for milliseconds; an owner keeps it."""


class SpooledFile:
    """One data set while it arrives; thread-safe, because a fault may discard it at any moment.

    Parameters
    ----------
    path : Path
        The new file; it must not exist.
    """

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)
        self.path = path
        self._stream = os.fdopen(descriptor, "wb", buffering=_BUFFER_BYTES)
        self._digest = hashlib.sha256()
        self._lock = threading.Lock()
        self._discarded = False

    def write_meta(self, data: bytes) -> None:
        """Append what is not the sender's: preamble, prefix, File Meta Information."""
        with self._lock:
            if not self._discarded:
                self._stream.write(data)

    def write(self, data: bytes) -> None:
        """Append bytes of the data set; they count for ``sha256``."""
        with self._lock:
            if not self._discarded:
                self._stream.write(data)
                self._digest.update(data)

    def finish(self) -> str:
        """Hand everything to the file system, close, and return the data set's SHA-256."""
        with self._lock:
            self._stream.close()
            return self._digest.hexdigest()

    def discard(self) -> None:
        """Remove the file, unless somebody moved it to where it stays."""
        with self._lock:
            if self._discarded:
                return
            self._discarded = True
            # Unlink first: closing may flush into a full disk and raise.
            self.path.unlink(missing_ok=True)
            try:
                self._stream.close()
            except OSError:
                # The bytes are unwanted; close() has released the descriptor all the same.
                return


class Spool:
    """The spool folder of one SCP, locked while this object is open.

    Parameters
    ----------
    folder : Path
        ``Layout.spool``, the parent of every SCP's spool.
    name : str
        Name of the SCP; what a folder name cannot hold is replaced.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._parent = folder
        self.folder = folder / re.sub(r"[^A-Za-z0-9._-]", "_", name)
        self._lock: int | None = None

    def open(self) -> int:
        """Lock the folder and sweep every spool that has no living owner.

        Returns
        -------
        int
            Number of files that were removed.

        Raises
        ------
        StopError
            When another process goes on holding this spool.
        """
        self.folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._lock = _wait_for_lock(self.folder)
        if self._lock is None:
            raise StopError(f"another SCP is using the spool {self.folder}")
        swept = _remove_parts(self.folder)
        for sibling in self._parent.iterdir():
            if sibling == self.folder or not sibling.is_dir():
                continue
            lock = _try_lock(sibling)
            if lock is not None:
                swept += _remove_parts(sibling)
                os.close(lock)
        return swept

    def close(self) -> None:
        """Give the lock back; files of data sets still arriving stay for the next sweep."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def new_file(self) -> SpooledFile:
        """Start a file under a name that nobody chose."""
        return SpooledFile(self.folder / f"{secrets.token_hex(16)}{_SUFFIX}")


def sweep_left(parent: Path, *, older_than: float) -> dict[str, int]:
    """Remove what dead processes were receiving; count the files by spool.

    Parameters
    ----------
    older_than : float
        Seconds since the file was written to.
    """
    swept: dict[str, int] = {}
    for folder in sorted(parent.iterdir()):
        lock = _try_lock(folder) if folder.is_dir() else None
        if lock is None:
            continue
        try:
            parts = [part for part in folder.glob(f"*{_SUFFIX}") if _age(part) > older_than]
            for part in parts:
                part.unlink(missing_ok=True)
        finally:
            os.close(lock)
        if parts:
            swept[folder.name] = len(parts)
    return swept


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _wait_for_lock(folder: Path) -> int | None:
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while (lock := _try_lock(folder)) is None and time.monotonic() < deadline:
        time.sleep(_LOOK_AGAIN_SECONDS)
    return lock


def _try_lock(folder: Path) -> int | None:
    descriptor = os.open(folder / _LOCK_NAME, os.O_CREAT | os.O_RDWR, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_parts(folder: Path) -> int:
    parts = list(folder.glob(f"*{_SUFFIX}"))
    for part in parts:
        part.unlink(missing_ok=True)
    return len(parts)
