"""The files of a backup: copied or linked, each with its SHA-256, in `sha256sum`'s own format."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from node.store.folders import make_folder, sync_file, sync_folder
from node.store.paths import FILE_MODE

SUMS: Final = "SHA256SUMS"
FILES: Final = "files"

_LINE: Final = re.compile(r"([0-9a-f]{64})  (.+)\n")


def digest(path: Path) -> str:
    """Give the SHA-256 of a file in lower-case hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def put_aside(source: Path, target: Path, *, copy: bool) -> None:
    """Link a file into the backup, or copy it where a link cannot be made or is not wanted.

    When this returns, the content and the name survive a power cut. Files of the store are
    never written again, so a link stays what it is now.
    """
    make_folder(target.parent)
    if copy or not _linked(source, target):
        copy_durably(source, target)
    else:
        sync_folder(target.parent)


def _linked(source: Path, target: Path) -> bool:
    # Not on another file system, or one without links.
    with suppress(OSError):
        os.link(source, target)
        return True
    return False


def copy_durably(source: Path, target: Path) -> None:
    """Copy a file so that its content survives a power cut, mode 0600; its time stays."""
    with source.open("rb") as reader:
        make_folder(target.parent)
        descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)
        with os.fdopen(descriptor, "wb") as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)
        stat = os.fstat(reader.fileno())
    os.utime(target, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    sync_file(target)
    sync_folder(target.parent)


def read_sums(path: Path) -> Iterator[tuple[str, str]]:
    """Give the SHA-256 and the path of each line.

    Raises
    ------
    ValueError
        A line is none of `sha256sum`'s, or its path leads out of the backup.
    """
    with path.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            found = _LINE.fullmatch(line)
            if found is None or not _is_below(found[2]):
                raise ValueError(f"{path}: a line that is no checksum of a file of the backup")
            yield found[1], found[2]


def _is_below(relative: str) -> bool:
    parts = Path(relative).parts
    return bool(parts) and parts[0] == FILES and ".." not in parts
