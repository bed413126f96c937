"""How many files and sockets this process may have open: as many as its associations need."""

from __future__ import annotations

import resource
from typing import Final

import structlog

log = structlog.get_logger(__name__)

EACH: Final = 5
"""Of an association: its connection, a second handle of it, a pipe's two ends, a data set."""
UNASKED: Final = 2
"""Of a connection on which nobody has asked for an association yet: a second handle of it."""
BESIDE: Final = 256
"""Of the database, the log and connections that are turned away."""


def allow_descriptors(associations: int, unasked: int) -> None:
    """Raise this process's limit to what so many connections need, as far as it may.

    Many systems begin a process with 1024; without any left nobody can connect, and no
    image can be written.
    """
    wanted = associations * EACH + unasked * UNASKED + BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (ValueError, OSError):
        # macOS has a limit of its own below the one that it tells.
        allowed = soft
    if allowed < wanted:
        log.warning("few_descriptors", allowed=allowed, wanted=wanted, setting="max_associations")
