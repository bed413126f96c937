"""`mgnode worker analysis` with a scripted network that some pictures end: run as a process."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from config.loading import load_settings
from config.log import configure
from models.detector import Detector
from tests.working_node import ScriptedDetector
from workers.app import run_analysis_worker


def _hang_with_the_lock() -> None:
    # PyDLL keeps the interpreter's lock: no other thread of Python runs meanwhile.
    ctypes.PyDLL(None).pause()


def _fail() -> None:
    raise ValueError("Yamada^Hanako")


POISON: Final[dict[int, Callable[[], Any]]] = {
    131: os.abort,
    139: _hang_with_the_lock,
    141: _fail,
}
"""What a picture does to its worker, by its number of rows."""


def look(picture: NDArray[np.uint8]) -> None:
    POISON.get(picture.shape[0], lambda: None)()


def main() -> int:
    settings = load_settings(None, os.environ)
    configure(settings.log, "analysis")
    return run_analysis_worker(
        settings, load=lambda *_, **__: cast(Detector, ScriptedDetector(look=look))
    )


if __name__ == "__main__":
    sys.exit(main())
