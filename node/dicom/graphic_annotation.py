"""Boxes and their scores as the graphics and texts of a presentation state (PS3.3 C.10.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydicom import Dataset

from node.dicom.geometry import Box, closed_polyline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from node.dicom.tracking import Tracked

LAYER: Final = "AI_FINDINGS"
OVERLAY_LAYER: Final = "IMAGE_OVERLAYS"
GREEN: Final = (57553, 12524, 53710)
"""The overlay's green as CIELab PCS-Values of 16 bits (C.10.7.1.1), D50."""

# A letter's height, of the longest side, of the width where the picture is narrow, and
# the least in pixels; and its width, of its height.
_LETTER: Final = (1 / 44, 1 / 10, 11)
_LETTER_WIDTH: Final = 0.5
_LINE_HEIGHT: Final = 1.5
_WHITE: Final = 0xFFFF


def annotation(found: Sequence[Tracked], image: Dataset, *, rows: int, columns: int) -> Dataset:
    """Build the item of Graphic Annotation Sequence that draws all boxes of one image.

    Parameters
    ----------
    found : Sequence[Tracked]
        The most important first: its label gets the best place.
    image : Dataset
        The reference (``content_items.reference``) to the image.
    rows, columns : int
        Of the image.
    """
    labels = [f"AI {one.finding.rank}: {one.finding.percent} %" for one in found]
    boxes = [one.box for one in found]
    places = label_places(labels, boxes, rows=rows, columns=columns)
    item = Dataset()
    item.ReferencedImageSequence = [image]
    item.GraphicLayer = LAYER
    item.TextObjectSequence = list(map(_text, found, labels, places))
    item.GraphicObjectSequence = list(map(_outline, found))
    return item


def layer() -> Dataset:
    """Build the item of Graphic Layer Sequence (C.10.7) that the boxes lie on."""
    item = Dataset()
    item.GraphicLayer = LAYER
    item.GraphicLayerOrder = 2
    item.GraphicLayerRecommendedDisplayGrayscaleValue = _WHITE
    item.GraphicLayerRecommendedDisplayCIELabValue = list(GREEN)
    item.GraphicLayerDescription = "Regions found by AI, with scores"
    return item


def layer_of_overlays() -> Dataset:
    """Build the item for the overlays that the image has itself, below the boxes."""
    item = Dataset()
    item.GraphicLayer = OVERLAY_LAYER
    item.GraphicLayerOrder = 1
    item.GraphicLayerRecommendedDisplayGrayscaleValue = _WHITE
    item.GraphicLayerDescription = "Overlays of the image itself"
    return item


def label_places(
    labels: Sequence[str], boxes: Sequence[Box], *, rows: int, columns: int
) -> list[Box]:
    """Find a place inside the image for each label, off the other labels and the boxes.

    How large letters are is the viewer's choice: the place says how large they should be.
    """
    of_longest, of_width, least = _LETTER
    letter = max(float(least), round(min(max(rows, columns) * of_longest, columns * of_width)))
    taken: list[Box] = []
    for label, box in zip(labels, boxes, strict=True):
        width = min(round(len(label) * letter * _LETTER_WIDTH), columns)
        height = min(round(letter * _LINE_HEIGHT), rows)
        places = _beside(box, width, height, rows=rows, columns=columns)

        def hidden(place: Box) -> tuple[float, float]:
            return (
                sum(_overlap(place, other) for other in taken),
                sum(_overlap(place, other) for other in boxes),
            )

        taken.append(min(places, key=hidden))
    return taken


def _beside(box: Box, width: int, height: int, *, rows: int, columns: int) -> Iterator[Box]:
    """Above, below, right and left of a box, and inside; each moved into the image."""
    for x, y in (
        (box.x0, box.y0 - height),
        (box.x1 - width, box.y0 - height),
        (box.x0, box.y1),
        (box.x1 - width, box.y1),
        (box.x1, box.y0),
        (box.x1, box.y1 - height),
        (box.x0 - width, box.y0),
        (box.x0 - width, box.y1 - height),
        (box.x0, box.y0),
        (box.x0, box.y1 - height),
    ):
        left = min(max(x, 0.0), float(columns - width))
        top = min(max(y, 0.0), float(rows - height))
        yield Box(left, top, left + width, top + height)


def _overlap(one: Box, other: Box) -> float:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return max(width, 0.0) * max(height, 0.0)


def _outline(found: Tracked) -> Dataset:
    points = closed_polyline(found.box)
    item = Dataset()
    item.GraphicAnnotationUnits = "PIXEL"
    item.GraphicDimensions = 2
    item.NumberOfGraphicPoints = len(points)
    item.GraphicData = [number for point in points for number in point]
    item.GraphicType = "POLYLINE"
    item.GraphicFilled = "N"
    _add_tracking(item, found)
    return item


def _text(found: Tracked, label: str, place: Box) -> Dataset:
    item = Dataset()
    item.BoundingBoxAnnotationUnits = "PIXEL"
    item.UnformattedTextValue = label
    item.BoundingBoxTopLeftHandCorner = [place.x0, place.y0]
    item.BoundingBoxBottomRightHandCorner = [place.x1, place.y1]
    item.BoundingBoxTextHorizontalJustification = "LEFT"
    _add_tracking(item, found)
    return item


def _add_tracking(item: Dataset, found: Tracked) -> None:
    item.TrackingID = found.identifier
    item.TrackingUID = found.uid
