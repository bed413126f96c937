"""What went wrong, without the texts of foreign exceptions: they may name a patient."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePath
from types import TracebackType
from typing import Final

from typing_extensions import override

FRAMES: Final = 8
"""Innermost places of a traceback that are kept in one line."""

LONGEST_TRACEBACK: Final = 60
"""Innermost places of a traceback that are kept in full; a recursion may have thousands."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Class of an exception and the places in the code that it passed, outermost first.

    ``traceback`` has a line for each place, and what it was raised from before it.
    """

    kind: str
    place: str
    traceback: str = ""


class FailuresGoTo(AbstractContextManager[None]):
    """Hand any exception of the block to ``record`` and end it there.

    Celery would log the exception with its text; ours are safe to read, those of
    libraries may quote a data set. The row that ``record`` writes is what counts.
    """

    def __init__(self, record: Callable[[Failure], None]) -> None:
        self._record = record

    @override
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._record(describe(error))
        return True


def describe(error: Exception) -> Failure:
    """Name the exception's class and its way through the code; leave its text out.

    An exception that was raised for a failure elsewhere has that as its ``failure``.
    """
    told = getattr(error, "failure", None)
    if isinstance(told, Failure):
        return told
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = [f"{frame.name} ({short_name(frame.filename)}:{frame.lineno})" for frame in frames]
    return Failure(type(error).__name__, " > ".join(places), "\n".join(_told(error)))


def short_name(filename: str) -> str:
    """Give the folder and the name of a file of code."""
    return "/".join(PurePath(filename).parts[-2:])


def _told(error: BaseException) -> Iterator[str]:
    """Tell an exception as Python does, but for its text and the lines of code."""
    for told in _causes_first(error):
        frames = traceback.extract_tb(told.__traceback__)[-LONGEST_TRACEBACK:]
        yield from (f"{short_name(f.filename)}:{f.lineno} {f.name}" for f in frames)
        yield type(told).__name__


def _causes_first(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in chain:
        chain.insert(0, step)
        step = step.__cause__ or (None if step.__suppress_context__ else step.__context__)
    return chain
