"""How a file becomes durable: written aside, fsync, its name, fsync of its folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from node.store.folders import make_folder, sync_file, sync_folder
from node.store.paths import FILE_MODE


def commit_file(spooled: Path, final: Path) -> None:
    """Make ``spooled`` durable under its name ``final``; both on one file system.

    When this returns, the content, the name and every folder on the way to it survive
    a power cut, and ``spooled`` is gone. A file that has the name already stays as it
    is: a row may name it and a reader may have it open. So a name must say all that
    matters of its file.

    Raises
    ------
    OSError
        What has the name ``final`` then, if anything, is whole, and may not be durable.
    """
    sync_file(spooled)
    make_folder(final.parent)
    try:
        # A link is refused where a rename would replace what another sender brought.
        os.link(spooled, final)
    except FileExistsError:
        # Whoever brought it may not have come to its syncs yet.
        sync_file(final)
    sync_folder(final.parent)
    spooled.unlink()


def write_durably(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` so that a reader sees all of it or none, mode 0600.

    A file that has the name already is replaced in one step.

    Raises
    ------
    OSError
        ``path`` is as it was before, and nothing is left beside it.
    """
    make_folder(path.parent)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    descriptor = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        sync_file(aside)
        aside.rename(path)
        sync_folder(path.parent)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
