"""The images of a manifest on disk: all of them readable, or all problems at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.cases.case import Case
from node.errors import RejectedInstance, StopError
from workers.image_files import read_image

MOST_SHOWN = 50
"""Images named in the text of an error."""


def check_images(cases: Iterable[Case]) -> None:
    """Read every image once: a run of hours must not end at the last one.

    Raises
    ------
    StopError
        An image cannot be read, is one that the detector may not look at, or a finding
        lies outside of it; its text names all of them.
    """
    problems = list(image_problems(cases))
    if problems:
        shown = [f"  {problem}" for problem in problems[:MOST_SHOWN]]
        if len(problems) > MOST_SHOWN:
            shown.append(f"  and {len(problems) - MOST_SHOWN} more")
        raise StopError("\n".join(["these images cannot be used:", *shown]))


def image_problems(cases: Iterable[Case]) -> Iterator[str]:
    """Read every image once and tell what is wrong with it, one problem at a time."""
    for case in cases:
        yield from _problems(case)


def image_or_none(path: Path) -> NDArray[np.uint8] | None:
    """Read an image to show it; None when it is not at hand."""
    try:
        return read_image(path)
    except RejectedInstance:
        return None


def _problems(case: Case) -> Iterator[str]:
    try:
        pixels = read_image(case.image)
    except RejectedInstance as error:
        yield f"{case.image_id}: {error.reason} {error.detail}".strip()
        return
    rows, columns = pixels.shape[:2]
    yield from case.outside(rows=rows, columns=columns)
