"""How much room is left."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Final

from node.errors import OutOfResources

GIB: Final = 1 << 30
LARGEST_GRANT: Final = 16 << 20
"""Bytes that may be written before the file system is asked again."""


def has_room(path: Path, free_space_gib: float) -> bool:
    """Say whether the file system of ``path`` has at least so many GiB free.

    Free is what an unprivileged process may still use; ``path`` must exist.
    """
    return bytes_above(path, free_space_gib) >= 0


def bytes_above(path: Path, free_space_gib: float) -> int:
    """Give how many bytes are free above the mark; negative below it."""
    return shutil.disk_usage(path).free - int(free_space_gib * GIB)


class Room:
    """The room above the mark, which all who write at the same time share.

    What they hold in buffers is not seen when the file system is asked: by so much, and by what
    others than they write, the mark can be passed.

    Parameters
    ----------
    folder : Path
        Where they write; it must exist when it is asked.
    """

    def __init__(self, folder: Path, free_space_gib: float) -> None:
        self._folder = folder
        self._free_space_gib = free_space_gib
        self._granted = 0
        self._lock = threading.Lock()

    def look(self) -> None:
        """Ask the file system now.

        Raises
        ------
        OutOfResources
            Less is free than the mark.
        """
        with self._lock:
            self._ask()

    def take(self, count: int) -> None:
        """Count bytes that are about to be written, by whomever.

        Raises
        ------
        OutOfResources
            They would pass the mark.
        """
        with self._lock:
            if self._granted < count:
                self._ask()
            if self._granted < count:
                raise OutOfResources("free space would fall below the mark")
            self._granted -= count

    def _ask(self) -> None:
        above = bytes_above(self._folder, self._free_space_gib)
        self._granted = max(0, min(above, LARGEST_GRANT))
        if above < 0:
            raise OutOfResources("free space is below the mark")
