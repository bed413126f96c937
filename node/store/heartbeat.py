"""A sign of life: a file that the working loop of a process touches, whose age health tells.

No thread of its own touches it: a loop that hangs would look alive.
"""

from __future__ import annotations

import os
import re
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from node.store.folders import make_folder
from node.store.paths import FILE_MODE

EVERY_SECONDS: Final = 5.0


class Heartbeat:
    """The heartbeat of one part of the node on this host.

    Parameters
    ----------
    run : Path
        Folder ``run`` of the storage, which several hosts may share.
    part : str
        ``"dispatch"``, ``"analysis"`` or ``"network"``.
    """

    def __init__(self, run: Path, part: str) -> None:
        # A host name is no path, whatever its administrator wrote into it.
        host = re.sub(r"[^A-Za-z0-9.-]", "_", socket.gethostname())
        self.path = run / f"{part}.{host}.heartbeat"
        self._last = -EVERY_SECONDS

    def beat(self) -> None:
        """Touch the file, unless that was done less than ``EVERY_SECONDS`` ago.

        A file that cannot be touched grows old, and that is how health tells of it: the
        loop itself goes on.
        """
        if time.monotonic() - self._last < EVERY_SECONDS:
            return
        with suppress(OSError):
            make_folder(self.path.parent)
            os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY, FILE_MODE))
            # The moment is given: a file server may have another clock than this host.
            now = time.time()
            os.utime(self.path, (now, now))
            self._last = time.monotonic()

    def age_seconds(self) -> float | None:
        """Seconds since the last beat, of whatever process; None when there was none."""
        try:
            return max(time.time() - self.path.stat().st_mtime, 0.0)
        except OSError:
            return None
