"""The files of the storage as they are: walked, looked at, moved out of the way, put back."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from node.store.folders import sync_folder
from node.store.paths import Layout

_META_AT: Final = 128
# PS3.10 7.1: the prefix, then (0002,0000) with the length of what follows it.
_META_BEGIN: Final = b"DICM\x02\x00\x00\x00UL\x04\x00"
_PIECE: Final = 1 << 20

HALF_WRITTEN_SUFFIX: Final = ".part"


class Look(StrEnum):
    """What a look at a file tells, without its bytes."""

    WELL = "WELL"
    MISSING = "MISSING"
    WRONG_SIZE = "WRONG_SIZE"
    UNREADABLE = "UNREADABLE"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file below ``instances`` or ``results``; ``path`` is relative to the root."""

    path: str
    bytes: int
    changed: float

    @property
    def is_half_written(self) -> bool:
        """Whether it has the name that a file bears while it is written."""
        return self.path.endswith(HALF_WRITTEN_SUFFIX)

    def age_hours(self) -> float:
        """Hours since it was written, or brought again."""
        return (time.time() - self.changed) / 3600


def stored_files(layout: Layout) -> Iterator[StoredFile]:
    """Walk every stored file; what goes away meanwhile is left out."""
    for above in (layout.instances, layout.results):
        for folder in sorted(entry.path for entry in _entries(above) if entry.is_dir()):
            for entry in _entries(Path(folder)):
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                path = Path(entry.path).relative_to(layout.root).as_posix()
                yield StoredFile(path, status.st_size, status.st_mtime)


def look(path: Path, size: int) -> Look:
    """Say whether a file is there with so many bytes."""
    try:
        found = path.stat().st_size
    except FileNotFoundError:
        return Look.MISSING
    except OSError:
        return Look.UNREADABLE
    return Look.WELL if found == size else Look.WRONG_SIZE


def has_digest(path: Path, sha256: str, *, is_data_set: bool) -> bool:
    """Read a file to its end and say whether it has the checksum of its row.

    Parameters
    ----------
    is_data_set : bool
        Whether ``sha256`` is that of the data set alone, without File Meta Information.

    Raises
    ------
    OSError
        It cannot be read: nothing is known of its bytes.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        if is_data_set:
            head = stream.read(_META_AT + len(_META_BEGIN) + 4)
            if head[_META_AT:-4] != _META_BEGIN:
                return False
            stream.seek(len(head) + int.from_bytes(head[-4:], "little"))
        while piece := stream.read(_PIECE):
            digest.update(piece)
        # What was read to be checked must not drive what is worked on out of the memory.
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return digest.hexdigest() == sha256


def set_orphan_aside(layout: Layout, seen: StoredFile) -> Path | None:
    """Move a file that no row names into the quarantine; None when somebody brought it again.

    Whoever brings the same bytes again renews the file's time, before it relies on the
    file: so one that is newer after the move than when it was judged goes back, and who
    comes later finds none.

    Parameters
    ----------
    seen : StoredFile
        The file as it was when its age was judged, which may be a while ago.
    """
    source = layout.absolute(seen.path)
    aside = orphan_path(layout, seen.path)
    source.replace(aside)
    if aside.stat().st_mtime != seen.changed:
        put_back(layout, seen.path)
        return None
    # What lies in the quarantine is as old as its stay there, for retention and the alarm.
    os.utime(aside)
    sync_folder(aside.parent)
    sync_folder(source.parent)
    return aside


def put_back(layout: Layout, path: str) -> bool:
    """Put a file back that was set aside; say whether there was one."""
    aside, final = orphan_path(layout, path), layout.absolute(path)
    try:
        os.link(aside, final)
    except FileNotFoundError:
        return False
    except FileExistsError:
        # It came again meanwhile: the same name is the same bytes.
        return False
    sync_folder(final.parent)
    aside.unlink()
    return True


def orphan_path(layout: Layout, path: str) -> Path:
    """Where a file without a row goes."""
    return layout.quarantine / f"orphan-{Path(path).name}"


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
