"""What went wrong, without the texts of foreign exceptions: they may name a patient."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePath
from types import TracebackType
from typing import Final

from typing_extensions import override

FRAMES: Final = 8
"""Innermost places of a traceback that are kept."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Class of an exception and the places in the code that it passed, outermost first."""

    kind: str
    place: str


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
    """Name the exception's class and its way through the code; leave its text out."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = [
        f"{frame.name} ({'/'.join(PurePath(frame.filename).parts[-2:])}:{frame.lineno})"
        for frame in frames
    ]
    return Failure(type(error).__name__, " > ".join(places))
