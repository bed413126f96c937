"""How a file becomes durable: written aside, fsync, its name, fsync of its folder.

And whether it still is what it was when its row was written.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import BinaryIO, Final

import structlog

from node.store.comparing import has_digest
from node.store.folders import make_folder, sync_file, sync_folder
from node.store.paths import FILE_MODE

log = structlog.get_logger(__name__)

RESULT_FILE_DAMAGED: Final = "RESULT_FILE_DAMAGED"
"""Why a delivery FAILED whose file is not intact."""

RESULT_FILE_REMOVED: Final = "RESULT_FILE_REMOVED"
"""Why a delivery FAILED whose file the retention policy has removed."""


def commit_file(spooled: Path, final: Path, *, sha256: str) -> None:
    """Make ``spooled`` durable under its name ``final``; both on one file system.

    When this returns, the content, the name and every folder on the way to it survive
    a power cut, and ``spooled`` is gone. A file that has the name already stays as it
    is: a row may name it and a reader may have it open. So a name must say all that
    matters of its file. One that is damaged is replaced in one step.

    Parameters
    ----------
    sha256 : str
        Of the data set alone, in lower-case hexadecimal. What stands before it may be
        another version's, and a row may name that file's size.

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
        trouble = _trouble_with(final, sha256)
        if trouble:
            spooled.replace(final)
            log.warning("stored_file_replaced", path=final.name, reason=trouble)
    sync_folder(final.parent)
    spooled.unlink(missing_ok=True)


def _trouble_with(stored: Path, sha256: str) -> str:
    """Make a file durable that was there before; say why it cannot stay, or nothing."""
    try:
        # It is new again, for who sets old files aside that no row names.
        os.utime(stored)
        if not has_digest(stored, sha256, is_data_set=True):
            return "its bytes are not those of its name"
        # Whoever brought it may not have come to its syncs yet.
        sync_file(stored)
    except OSError as error:
        # It went a moment ago, or cannot be read; the same bytes are at hand.
        return type(error).__name__
    return ""


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


def append_to(path: Path) -> BinaryIO:
    """Open a file to append to, readable by its owner alone whatever the umask is."""
    descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, FILE_MODE)
    # It may be there already, from before somebody cared.
    os.fchmod(descriptor, FILE_MODE)
    return os.fdopen(descriptor, "ab")


def intact(path: Path, *, sha256: str, size: int) -> bool:
    """Say whether a file is there and has the bytes that its row names.

    Parameters
    ----------
    sha256 : str
        Of the whole file, in lower-case hexadecimal.
    size : int
        In bytes.

    Raises
    ------
    OSError
        It is there, or may be, and cannot be read now: nothing is known of its bytes.
    """
    try:
        with path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size != size:
                return False
            return hashlib.file_digest(stream, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False
