"""Detections on disk: figures can be made again without the network and the images."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from models.durable_file import replace_durably
from models.evaluation.detections import ImageDetections, ScoredBox
from models.evaluation.errors import EvaluationError

FORMAT: Final = "mgnode detections 1"
TABLE: Final = ("image", "rows", "columns", "rank", "score", "x0", "y0", "x1", "y1")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Which model made the detections; ``threshold`` is the one in service."""

    name: str
    title: str
    version: str
    weights_sha256: str
    statement: str
    threshold: float
    score_floor: float


@dataclass(frozen=True, slots=True)
class Stored:
    """The detections of one model on some images, by ``image_id``."""

    model: ModelFacts
    images: dict[str, ImageDetections]


def write_detections(path: Path, stored: Stored) -> None:
    """Write them as JSON; numbers come back as they were, to the last bit."""
    images = {
        name: {"rows": found.rows, "columns": found.columns, "boxes": [*map(list, found.boxes)]}
        for name, found in stored.images.items()
    }
    lines = ",\n".join(f"  {_compact(name)}: {_compact(value)}" for name, value in images.items())
    model = _compact(asdict(stored.model))
    text = f'{{"format": {_compact(FORMAT)},\n "model": {model},\n "images": {{\n{lines}\n}}}}\n'
    write_whole(path, text)


def read_detections(path: Path) -> Stored:
    """Read what ``write_detections`` wrote.

    Raises
    ------
    EvaluationError
        The file is not there, or is no such file.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise EvaluationError((f"{path} cannot be read: {error.strerror}",)) from error
    except ValueError as error:
        raise EvaluationError((f"{path} is no JSON: {error}",)) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise EvaluationError((f"{path} holds no detections of mgnode",))
    try:
        model = ModelFacts(**content["model"])
        images = {name: _image(value) for name, value in content["images"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EvaluationError((f"{path} is damaged: {error}",)) from error
    return Stored(model, images)


def detections_table(images: Mapping[str, ImageDetections]) -> str:
    """Give all boxes as CSV for a spreadsheet, by falling score; an image without has a row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TABLE)
    for name, found in images.items():
        size = (name, found.rows, found.columns)
        if not found.boxes:
            writer.writerow((*size, *[""] * (len(TABLE) - len(size))))
        for rank, box in enumerate(sorted(found.boxes, key=lambda b: (-b.score, b)), start=1):
            writer.writerow((*size, rank, box.score, *box[:4]))
    return text.getvalue()


def write_whole(path: Path, text: str) -> None:
    """Write a file that appears as a whole or not at all."""
    replace_durably(path, lambda file: file.write(text.encode()))


def _image(value: dict[str, Any]) -> ImageDetections:
    rows, columns = int(value["rows"]), int(value["columns"])
    boxes = tuple(ScoredBox(*map(float, box)) for box in value["boxes"])
    numbers = list(chain.from_iterable(boxes))
    if rows < 1 or columns < 1 or any(number != number for number in numbers):
        raise ValueError("an image has no size, or a box is not a number")
    return ImageDetections(rows, columns, boxes)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
