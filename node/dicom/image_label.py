"""Side and view of an image as people name them, and the order they look at them in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.dicom.header import laterality, view_of

if TYPE_CHECKING:
    from pydicom import Dataset

    from node.dicom.findings import ImageResult

NAMELESS: Final = "unnamed view"

_VIEW_ORDER: Final = ("CC", "MLO")
_SIDE_ORDER: Final = ("R", "L")


def label(header: Dataset, separator: str = " ") -> str:
    """Name side and view, ``R CC``; what the header does not say is left out."""
    return (
        separator.join(part for part in (laterality(header), view_of(header)) if part) or NAMELESS
    )


def in_viewing_order(images: tuple[ImageResult, ...]) -> tuple[ImageResult, ...]:
    """Sort R CC, L CC, R MLO, L MLO, the others; whatever order they came in."""
    return tuple(sorted(images, key=_position))


def viewing_place(images: tuple[ImageResult, ...], image: ImageResult) -> int:
    """Count from 1 where ``image`` stands in viewing order."""
    order = [other.sop_instance_uid for other in in_viewing_order(images)]
    return order.index(image.sop_instance_uid) + 1


def _position(image: ImageResult) -> tuple[int, str, int, str]:
    view, side = view_of(image.header), laterality(image.header)
    view_place = _VIEW_ORDER.index(view) if view in _VIEW_ORDER else len(_VIEW_ORDER)
    side_place = _SIDE_ORDER.index(side) if side in _SIDE_ORDER else len(_SIDE_ORDER)
    return view_place, view, side_place, image.sop_instance_uid
