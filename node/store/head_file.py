"""The file outside the database to which heads of the audit log are appended, one a line."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from node.store.folders import make_folder, sync_folder
from node.store.paths import FILE_MODE
from node.store.signed_head import SignedHead, read_line

LONGEST_LINE: Final = 4096
"""Bytes; a line of ours has about 550."""


def append_heads(path: Path, heads: Sequence[SignedHead]) -> None:
    """Append heads durably; half a line that somebody left is ended first.

    Raises
    ------
    OSError
        Nothing is known of what was written; append the same again.
    """
    is_new = not path.exists()
    if is_new:
        make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        ends_a_line = not size or os.pread(descriptor, 1, size - 1) == b"\n"
        text = "".join(f"{head.line()}\n" for head in heads)
        data = (text if ends_a_line else f"\n{text}").encode("ascii")
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        sync_folder(path.parent)


def last_head(path: Path) -> SignedHead | None:
    """Give the last head of the file that can be read; None when there is none.

    Raises
    ------
    OSError
        The file is there and cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        end = os.pread(descriptor, 16 * LONGEST_LINE, max(size - 16 * LONGEST_LINE, 0))
    finally:
        os.close(descriptor)
    for line in reversed(end.decode("ascii", "replace").splitlines()):
        if (head := read_line(line)) is not None:
            return head
    return None


def size_of(path: Path) -> int:
    """Give the file's size in bytes, 0 when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def read_heads(path: Path, *, size: int) -> Iterator[tuple[int, SignedHead | None]]:
    """Give the number and head of each line in the first ``size`` bytes; None: no head.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    if not size:
        return
    with path.open("rb") as stream:
        number = 0
        while stream.tell() < size and (line := stream.readline(LONGEST_LINE)):
            number += 1
            if line.strip():
                yield number, read_line(line.decode("ascii", "replace"))
