"""Files and folders of the registry: private, complete or absent, and safe from a power cut."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from models.durable_file import sync_folder

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700

_CHUNK: Final = 1 << 20


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, readable for the owner alone, and their names durable."""
    if not folder.is_dir():
        if not folder.parent.is_dir():
            make_folder(folder.parent)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        sync_folder(folder.parent)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, durably but for its name."""
    with _new_file(path) as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees all of it or what was there before."""
    aside = hidden(path)
    try:
        write_new(aside, content)
        aside.rename(path)
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(path.parent)


def copy_new(
    source: Path, target: Path, *, progress: Callable[[int], None] = lambda _: None
) -> str:
    """Copy a file, durably but for its name; give the sha256 of the bytes that were copied.

    Parameters
    ----------
    progress : callable
        Is told the number of bytes of each piece.
    """
    digest = hashlib.sha256()
    with source.open("rb") as given, _new_file(target) as stream:
        while piece := given.read(_CHUNK):
            digest.update(piece)
            stream.write(piece)
            progress(len(piece))
        stream.flush()
        os.fsync(stream.fileno())
    return digest.hexdigest()


def hidden(path: Path) -> Path:
    """Name something beside ``path`` that nobody else uses and that no reader looks at."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")


def _new_file(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)
    return os.fdopen(descriptor, "wb")
