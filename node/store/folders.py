"""Folders that survive a power cut, and the sync that files and folders share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

FOLDER_MODE: Final = 0o700


def make_folder(folder: Path) -> None:
    """Make ``folder``, readable for the owner alone, and its name durable.

    A folder that is there already may have been made a moment ago by a process that
    has not synced it yet, so its name is synced all the same.

    Raises
    ------
    OSError
        It cannot be made, or its parent cannot be synced.
    """
    if not folder.is_dir():
        if not folder.parent.is_dir():
            make_folder(folder.parent)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    # The folder's own name must survive too, else the file in it is lost with it.
    sync_folder(folder.parent)


def sync_file(path: Path) -> None:
    """Make the content of a file durable."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
