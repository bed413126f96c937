"""The part of a download that is here already, and what is known of the whole."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from io import FileIO
from pathlib import Path
from typing import Final

from models.registry import durable
from models.registry.errors import DownloadError

FOLDER: Final = ".download"


@dataclass(frozen=True, slots=True)
class Note:
    """What the server said of the file that the part belongs to.

    ``validator`` is a strong ETag or a Last-Modified date, for If-Range (RFC 9110, 13.1.5);
    without one a part cannot be continued safely.
    """

    validator: str = ""
    size: int | None = None


@dataclass(slots=True)
class Part:
    """A file that grows; only one process at a time holds it."""

    path: Path
    stream: FileIO
    note: Note = field(init=False)

    def __post_init__(self) -> None:
        self.note = self._read_note()

    @property
    def size(self) -> int:
        """Bytes that are here."""
        return self.stream.seek(0, os.SEEK_END)

    @property
    def is_complete(self) -> bool:
        """Whether every byte that the server announced is here."""
        return self.note.size is not None and self.size == self.note.size

    def empty(self) -> None:
        """Throw away what is here."""
        self.stream.truncate(0)

    def append(self, piece: bytes) -> None:
        """Add bytes at the end."""
        self.stream.seek(0, os.SEEK_END)
        left = memoryview(piece)
        while left:
            left = left[self.stream.write(left) :]

    def sync(self) -> None:
        """Make what is here durable."""
        os.fsync(self.stream.fileno())

    def keep_note(self, note: Note) -> None:
        """Remember what the server said."""
        self.note = note
        durable.replace_file(self._note_path, json.dumps(asdict(note)).encode())

    def discard(self) -> None:
        """Delete the part and its note."""
        self.path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)

    @property
    def _note_path(self) -> Path:
        return self.path.with_suffix(".json")

    def _read_note(self) -> Note:
        try:
            return Note(**json.loads(self._note_path.read_bytes()))
        except (OSError, ValueError, TypeError):
            # Nothing is known of what lies here, so it cannot be continued.
            self.empty()
            return Note()


@contextmanager
def opened_part(root: Path, url: str) -> Iterator[Part]:
    """Hold the part of a URL's download; it is left in place at the end.

    Raises
    ------
    DownloadError
        Another process is downloading it.
    """
    folder = root / FOLDER
    durable.make_folder(folder)
    path = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.part"
    with _claimed(path.with_suffix(".lock"), url):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, durable.FILE_MODE)
        # Without a buffer: after a full disk nothing is left that closing would write again.
        with os.fdopen(descriptor, "r+b", buffering=0) as stream:
            yield Part(path, stream)


@contextmanager
def _claimed(path: Path, url: str) -> Iterator[None]:
    """Hold a download alone; the kernel lets go of it when the process ends.

    The lock is on a file of its own: HDF5 locks the part itself when it reads it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, durable.FILE_MODE)
    with os.fdopen(descriptor, "wb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DownloadError(f"another process is downloading {url}") from error
        yield
