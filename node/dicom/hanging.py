"""How a reader hangs a study: right breast left, chest walls back to back, CC over MLO."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Final, NamedTuple

from node.dicom.geometry import Box
from node.dicom.header import laterality, texts, view_of
from node.dicom.image_label import in_viewing_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydicom import Dataset

    from node.dicom.findings import ImageResult

Pair = tuple["ImageResult | None", "ImageResult | None"]
"""What hangs on the left, the right breast, and what hangs on the right."""

_STANDARD: Final = ("CC", "MLO")
_SIDES: Final = ("R", "L")

# First letter of Patient Orientation (0020,0020) as an image hangs: to the right, and down.
_ACROSS: Final = {"R": "P", "L": "A"}
_DOWN_IN_CC: Final = {"R": "L", "L": "R"}  # lateral side up
_FROM_ABOVE: Final = frozenset({"CC", "XCCL", "XCCM"})
_OPPOSITE: Final = {"A": "P", "P": "A", "L": "R", "R": "L", "F": "H", "H": "F"}


class Turn(NamedTuple):
    """Which ways an image must be mirrored to hang as it should."""

    across: bool
    down: bool

    def box(self, box: Box, *, rows: int, columns: int) -> Box:
        """Mirror a box of an image of that size."""
        x0, x1 = (columns - box.x1, columns - box.x0) if self.across else (box.x0, box.x1)
        y0, y1 = (rows - box.y1, rows - box.y0) if self.down else (box.y0, box.y1)
        return Box(x0, y0, x1, y1)


def turn_of(header: Dataset) -> Turn:
    """Tell from Patient Orientation how an image lies; one that does not say stays as it is."""
    side, view = laterality(header), view_of(header)
    orientation = texts(header, "PatientOrientation")
    if side not in _SIDES or len(orientation) != len(_SIDES):
        return Turn(across=False, down=False)
    across, down = (direction[:1] for direction in orientation)
    wanted = _DOWN_IN_CC[side] if view in _FROM_ABOVE else "F"
    return Turn(
        across=across == _OPPOSITE[_ACROSS[side]],
        down=bool(view) and down == _OPPOSITE[wanted],
    )


def hang(images: tuple[ImageResult, ...]) -> list[Pair]:
    """Pair the images of a study: the standard views first, then those beside them.

    An image that was not analysed has a place only where it is all there is of a standard
    view. One whose side nobody knows hangs among the last, on either side.
    """
    shown = [*_analysed(images), *_instead(images)]
    ordered = in_viewing_order(tuple(shown))
    views = dict.fromkeys([*_STANDARD, *(view_of(image.header) for image in ordered)])
    first: list[Pair] = []
    further: list[Pair] = []
    for view in views:
        right, left = (_of(ordered, side, view) for side in _SIDES)
        pairs = list(zip_longest(right, left))
        into = first if view in _STANDARD else further
        into.extend(pairs[:1])
        further.extend(pairs[1:])
    rest = [image for image in ordered if laterality(image.header) not in _SIDES]
    further.extend(zip_longest(rest[::2], rest[1::2]))
    return [*first, *further]


def _analysed(images: Iterable[ImageResult]) -> list[ImageResult]:
    return [image for image in images if not image.not_analysed]


def _instead(images: tuple[ImageResult, ...]) -> list[ImageResult]:
    """Give one image for each standard view of which none was analysed."""
    found = []
    for view in _STANDARD:
        for side in _SIDES:
            all_of_it = _of(in_viewing_order(images), side, view)
            if all_of_it and not _analysed(all_of_it):
                found.append(all_of_it[0])
    return found


def _of(images: Sequence[ImageResult], side: str, view: str) -> list[ImageResult]:
    return [
        image
        for image in images
        if laterality(image.header) == side and view_of(image.header) == view
    ]
