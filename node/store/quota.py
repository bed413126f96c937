"""How much room is left."""

from __future__ import annotations

import shutil
from pathlib import Path

GIB = 1 << 30


def has_room(path: Path, free_space_gib: float) -> bool:
    """Say whether the file system of ``path`` has at least so many GiB free.

    Free is what an unprivileged process may still use; ``path`` must exist.
    """
    return shutil.disk_usage(path).free >= free_space_gib * GIB
