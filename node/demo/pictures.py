"""Pictures of what was sent and what came back, for people without a DICOM viewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom import dcmread

from node.demo.films import CREDIT
from node.demo.insertion import InsertedLesion
from node.demo.received import ReportedBox, source_of
from node.dicom.geometry import Box
from node.dicom.pixels import to_grey

VIEW_LONG_SIDE: Final = 1600
CELL_HEIGHT: Final = 640
NAME_HEIGHT: Final = 28
FOOTER_HEIGHT: Final = 58
LEGEND_HEIGHT: Final = 28
LINE: Final = 2
DASH: Final = 6
SWATCH: Final = 24
QUICK: Final = 3
"""PNG compression level: half the time of the default, a tenth larger."""
HANGING: Final = (("RCC", "LCC"), ("RMLO", "LMLO"))

BOX_COLOUR: Final = (96, 255, 128)
LESION_COLOUR: Final = (255, 96, 214)
LABEL_COLOUR: Final = (255, 214, 102)
TEXT_COLOUR: Final = (210, 210, 210)


@dataclass(frozen=True, slots=True)
class Pictures:
    """PNG files: every view as sent, every overlay as received, and the four on one sheet."""

    views: tuple[Path, ...]
    overlays: tuple[Path, ...]
    sheet: Path


@dataclass(frozen=True, slots=True)
class _View:
    name: str
    grey: NDArray[np.uint8]  # (rows, columns) of the stored image
    boxes: tuple[ReportedBox, ...]
    lesion: InsertedLesion | None


def write_pictures(
    sources: Mapping[str, Path],
    boxes: Sequence[ReportedBox],
    overlays: Sequence[Path],
    folder: Path,
    *,
    footer: str,
    lesion: InsertedLesion | None = None,
) -> Pictures:
    """Write all pictures into ``folder``, which is made.

    Parameters
    ----------
    sources : mapping of str to Path
        The four images as sent, by view name (``RCC`` and so on).
    boxes : sequence of ReportedBox
        Of the received reports; drawn on the sheet.
    overlays : sequence of Path
        As received.
    footer : str
        What weights drew these boxes, in plain words; stands below the sheet.
    lesion : InsertedLesion, optional
        Is dashed on the sheet, which then has a legend.

    Raises
    ------
    UnreadablePixels
        If an image cannot be decoded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[str, str] = {}
    views = []
    for name, path in sources.items():
        image = dcmread(path)
        uid = str(image.SOPInstanceUID)
        names[uid] = name
        mine = tuple(box for box in boxes if box.sop_instance_uid == uid)
        inserted = lesion if lesion is not None and lesion.sop_instance_uid == uid else None
        views.append(_View(name, to_grey(image), mine, inserted))
    return Pictures(
        views=tuple(_write_view(view, folder) for view in views),
        overlays=tuple(_write_overlay(path, names, folder) for path in overlays),
        sheet=_write_sheet({view.name: view for view in views}, footer, folder / "study.png"),
    )


def _write_view(view: _View, folder: Path) -> Path:
    path = folder / f"{view.name}.png"
    Image.fromarray(_reduced(view.grey, VIEW_LONG_SIDE / max(view.grey.shape))).save(
        path, compress_level=QUICK
    )
    return path


def _write_overlay(overlay: Path, names: Mapping[str, str], folder: Path) -> Path:
    image = dcmread(overlay)
    of = "-".join(names.get(uid, "unknown") for uid in source_of(image)) or "unknown"
    path = folder / f"{of}-overlay.png"
    Image.fromarray(image.pixel_array).save(path, compress_level=QUICK)
    return path


def _write_sheet(views: Mapping[str, _View], footer: str, path: Path) -> Path:
    """Write the views back to back, right breasts on the left, as they hang in reading."""
    cells = {name: _cell(view) for name, view in views.items()}
    # The line where the two chest walls meet.
    middle = max(cells[right].width for right, _ in HANGING)
    width = middle + max(cells[left].width for _, left in HANGING)
    pitch = NAME_HEIGHT + CELL_HEIGHT
    top = pitch * len(HANGING)
    altered = [view.name for view in views.values() if view.lesion is not None]
    legend_height = LEGEND_HEIGHT if altered else 0
    sheet = Image.new("RGB", (width, top + legend_height + FOOTER_HEIGHT))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(17)
    for row, (right, left) in enumerate(HANGING):
        at = row * pitch
        draw.text((10, at + 4), right, LABEL_COLOUR, font)
        draw.text((width - 10, at + 4), left, LABEL_COLOUR, font, anchor="ra")
        sheet.paste(cells[right], (middle - cells[right].width, at + NAME_HEIGHT))
        sheet.paste(cells[left], (middle, at + NAME_HEIGHT))
    if altered:
        _draw_legend(
            draw, f"synthetic lesion inserted into {altered[0]}, its true box", top + 7, width
        )
        top += legend_height
    draw.text((10, top + 7), footer, LABEL_COLOUR, _fitting_font(footer, width - 20, 17))
    small = f"Not for diagnosis. Films: {CREDIT}"
    draw.text((10, top + 35), small, TEXT_COLOUR, _fitting_font(small, width - 20, 13))
    sheet.save(path)
    return path


def _draw_legend(draw: ImageDraw.ImageDraw, lesion: str, top: int, width: int) -> None:
    """Explain the two kinds of frame, each in half of the width."""
    half = width // 2
    returned = "returned box, its score"
    font = _fitting_font(max(returned, lesion, key=len), half - 2 * SWATCH, 14)
    draw.rectangle((10, top, 10 + SWATCH, top + SWATCH // 2), outline=BOX_COLOUR, width=LINE)
    draw.text((10 + SWATCH + 8, top - 3), returned, BOX_COLOUR, font)
    _dashed(draw, (half, top, half + SWATCH, top + SWATCH // 2), LESION_COLOUR)
    draw.text((half + SWATCH + 8, top - 3), lesion, LESION_COLOUR, font)


def _cell(view: _View) -> Image.Image:
    scale = CELL_HEIGHT / view.grey.shape[0]
    cell = Image.fromarray(_reduced(view.grey, scale)).convert("RGB")
    draw = ImageDraw.Draw(cell)
    font = ImageFont.load_default(14)
    # The best one last: its score stays readable.
    boxes = sorted(view.boxes, key=lambda box: box.score_percent or 0.0)
    for reported in boxes:
        draw.rectangle(_frame(reported.box, scale, cell), outline=BOX_COLOUR, width=LINE)
    if view.lesion is not None:
        # Above the solid frames: where the two agree, both colours are seen.
        _dashed(draw, _frame(view.lesion.box, scale, cell), LESION_COLOUR)
    for reported in boxes:
        if reported.score_percent is not None:
            corner = (round(reported.box.x0 * scale) - LINE, round(reported.box.y0 * scale) - LINE)
            _plate(draw, f"{reported.score_percent:.1f} %", corner, cell.width, font)
    return cell


def _frame(box: Box, scale: float, cell: Image.Image) -> tuple[int, int, int, int]:
    """Corners of the frame's outer pixels: around the box, so that its edge stays visible."""
    x0, y0, x1, y1 = (round(edge * scale) for edge in box)
    # Inside where the picture ends.
    return (
        max(x0 - LINE, 0),
        max(y0 - LINE, 0),
        min(x1 + LINE, cell.width) - 1,
        min(y1 + LINE, cell.height) - 1,
    )


def _dashed(
    draw: ImageDraw.ImageDraw, frame: tuple[int, int, int, int], colour: tuple[int, int, int]
) -> None:
    """Draw a frame of dashes, as thick as the solid one."""
    x0, y0, x1, y1 = frame
    for x in range(x0, x1 + 1, 2 * DASH):
        end = min(x + DASH - 1, x1)
        draw.rectangle((x, y0, end, y0 + LINE - 1), fill=colour)
        draw.rectangle((x, y1 - LINE + 1, end, y1), fill=colour)
    for y in range(y0, y1 + 1, 2 * DASH):
        end = min(y + DASH - 1, y1)
        draw.rectangle((x0, y, x0 + LINE - 1, end), fill=colour)
        draw.rectangle((x1 - LINE + 1, y, x1, end), fill=colour)


def _plate(
    draw: ImageDraw.ImageDraw,
    text: str,
    corner: tuple[int, int],
    width: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """Write ``text`` on black with its lower left at ``corner``, moved until it is inside."""
    left, top, right, bottom = draw.textbbox((0, 0), text, font)
    wide, high = round(right - left) + 6, round(bottom - top) + 6
    x = min(max(corner[0], 0), width - wide)
    y = max(corner[1] - high, 0)
    draw.rectangle((x, y, x + wide, y + high), fill=(0, 0, 0))
    draw.text((x + 3 - left, y + 3 - top), text, BOX_COLOUR, font)


def _fitting_font(text: str, width: int, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Take the largest font up to ``size`` that keeps ``text`` within ``width`` pixels."""
    while size > 8 and ImageFont.load_default(size).getlength(text) > width:
        size -= 1
    return ImageFont.load_default(size)


def _reduced(grey: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    rows, columns = grey.shape
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
