"""The sheet shows the inserted lesion beside what came back, in a colour of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread

from node.demo.insertion import InsertedLesion
from node.demo.pictures import write_pictures
from node.demo.received import ReportedBox
from node.dicom.geometry import Box

if TYPE_CHECKING:
    from tests.unit.node.demo.conftest import Exchanged

RETURNED = (96, 255, 128)
INSERTED = (255, 96, 214)

# Views are 640 pixels high on the sheet, below a strip of 28 with their names.
VIEW_HEIGHT, NAMES = 640, 28
LEGEND, FOOTER = 28, 58


@pytest.fixture
def sources(exchanged: Exchanged) -> dict[str, Path]:
    return dict(zip(("RCC", "LCC", "RMLO", "LMLO"), exchanged.sources, strict=True))


def sheet(
    sources: Mapping[str, Path], folder: Path, lesion: Box | None, *boxes: Box
) -> NDArray[np.uint8]:
    """Draw a study whose lesion and boxes are all on RMLO; give (rows, columns, RGB)."""
    uid = str(dcmread(sources["RMLO"]).SOPInstanceUID)
    pictures = write_pictures(
        sources,
        [ReportedBox(uid, box, 5, None) for box in boxes],
        [],
        folder,
        footer="Whose boxes these are",
        lesion=None if lesion is None else InsertedLesion("RMLO", uid, lesion),
    )
    with Image.open(pictures.sheet) as picture:
        return np.asarray(picture)


def places(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> set[tuple[int, int]]:
    """(column, row) of every pixel of that colour."""
    rows, columns = np.nonzero((picture == colour).all(axis=2))
    return set(zip(columns.tolist(), rows.tolist(), strict=True))


def test_the_true_box_is_dashed_round_the_lesion(sources: dict[str, Path], tmp_path: Path) -> None:
    image = dcmread(sources["RMLO"])
    lesion = Box(0.25 * image.Columns, 0.5 * image.Rows, 0.75 * image.Columns, 0.75 * image.Rows)

    picture = sheet(sources, tmp_path, lesion)

    scale = VIEW_HEIGHT / image.Rows
    top = 2 * NAMES + VIEW_HEIGHT
    # RMLO lies at the left; two pixels around the box are the frame.
    frame = [round(edge * scale) for edge in lesion]
    x0, y0, x1, y1 = frame[0] - 2, frame[1] + top - 2, frame[2] + 1, frame[3] + top + 1
    drawn = {(x, y) for x, y in places(picture, INSERTED) if y < top + VIEW_HEIGHT}
    assert drawn
    for row in (y0, y0 + 1, y1 - 1, y1):
        dashes = [(x, row) in drawn for x in range(x0, x1 + 1)]
        assert dashes[:12] == [True] * 6 + [False] * 6
    assert all(x in (x0, x0 + 1, x1 - 1, x1) or y in (y0, y0 + 1, y1 - 1, y1) for x, y in drawn)


def test_both_frames_are_seen_where_they_agree(sources: dict[str, Path], tmp_path: Path) -> None:
    box = Box(60.0, 90.0, 150.0, 210.0)

    picture = sheet(sources, tmp_path, box, box)

    above = {y for _, y in places(picture, RETURNED) if y < 2 * (NAMES + VIEW_HEIGHT)}
    inserted = {y for _, y in places(picture, INSERTED) if y < 2 * (NAMES + VIEW_HEIGHT)}
    assert (min(above), max(above)) == (min(inserted), max(inserted))


def test_the_legend_explains_both_frames_below_the_views(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    picture = sheet(sources, tmp_path, Box(60.0, 90.0, 150.0, 210.0))

    bottom = 2 * (NAMES + VIEW_HEIGHT)
    assert picture.shape[0] == bottom + LEGEND + FOOTER
    middle = picture.shape[1] // 2
    for colour, is_left in ((RETURNED, True), (INSERTED, False)):
        legend = [x for x, y in places(picture, colour) if bottom <= y < bottom + LEGEND]
        assert len(legend) > 50
        assert {x < middle for x in legend} == {is_left}


def test_without_a_lesion_the_sheet_has_no_legend(sources: dict[str, Path], tmp_path: Path) -> None:
    picture = sheet(sources, tmp_path, None, Box(60.0, 90.0, 150.0, 210.0))

    assert picture.shape[0] == 2 * (NAMES + VIEW_HEIGHT) + FOOTER
    assert places(picture, INSERTED) == set()
    assert places(picture, RETURNED) != set()
