"""How a file becomes durable: written aside, fsync, its name, fsync of its folder."""

from __future__ import annotations

import hashlib
import os
import secrets
import struct
from pathlib import Path
from typing import BinaryIO, Final

from node.errors import UnreadableDataSet
from node.store.folders import make_folder, sync_file, sync_folder
from node.store.paths import FILE_MODE

_BLOCK: Final = 1 << 20
_PREAMBLE: Final = 128

# PS3.5 7.1.2: these VRs have two reserved bytes and a length of four bytes.
_LONG_VRS: Final = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)


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


def data_set_digest(path: Path) -> str:
    """SHA-256 of the data set of a Part 10 file: all bytes after the File Meta Information.

    The File Meta Information is left out because each receiver writes its own;
    the data set is what the sender sent.

    Raises
    ------
    UnreadableDataSet
        When the file has no File Meta Information.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        stream.seek(data_set_offset(stream))
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def data_set_offset(stream: BinaryIO) -> int:
    """Byte offset of the data set in a Part 10 file (PS3.10 7.1).

    Raises
    ------
    UnreadableDataSet
        When the file has no File Meta Information.
    """
    stream.seek(0)
    if stream.read(_PREAMBLE + 4)[_PREAMBLE:] != b"DICM":
        raise UnreadableDataSet("no DICM prefix: not a DICOM Part 10 file")
    offset = _PREAMBLE + 4
    while True:
        # Always Explicit VR Little Endian, whatever the data set is in.
        start = stream.read(8)
        if len(start) < 8 or start[:2] != b"\x02\x00":
            return offset
        if start[4:6] in _LONG_VRS:
            length = 12 + struct.unpack("<L", stream.read(4).ljust(4, b"\0"))[0]
        else:
            length = 8 + struct.unpack("<H", start[6:8])[0]
        offset += length
        stream.seek(offset)
