"""Deliberate bugs, by name: the harness must fail with each of them, or it proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

BUGS: Final[dict[str, Callable[[ExitStack], None]]] = {}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Put one bug into this process until the block is left; the empty name is none."""
    with ExitStack() as stack:
        if name:
            BUGS[name](stack)
        yield


def plant(name: str) -> None:
    """Put one bug into this process for good."""
    if name:
        BUGS[name](ExitStack())
