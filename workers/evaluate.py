"""Running a detector over annotated images, and writing what comes of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.cases.case import Case
from models.errors import ModelError
from models.evaluation.comparison import Comparison, compare
from models.evaluation.detections import ImageDetections
from models.evaluation.evaluation import evaluate
from models.evaluation.figures import comparison_values, figures_table, values_of
from models.evaluation.hard_images import ReadImage, hardest_cancers, worst_boxes
from models.evaluation.page import Judged, Report, report_page
from models.evaluation.settings import EvaluationSettings
from models.evaluation.stored import (
    ModelFacts,
    Stored,
    detections_table,
    write_detections,
    write_whole,
)
from node.errors import StopError
from workers.image_files import read_image

if TYPE_CHECKING:
    from models.detector import Detector

REPORT: Final = "report.html"
FIGURES_JSON: Final = "figures.json"
FIGURES_CSV: Final = "figures.csv"
DETECTIONS_JSON: Final = "detections.json"
DETECTIONS_CSV: Final = "detections.csv"
COMPARED_JSON: Final = "detections-compared.json"


@dataclass(frozen=True, slots=True)
class Results:
    """What was found of one model, and of a second one on the same cases."""

    first: Judged
    second: Judged | None
    comparison: Comparison | None


def run_detector(
    detector: Detector, cases: Iterable[Case], *, threshold: float, at_once: int = 1
) -> Stored:
    """Keep every box of every image from the score floor up.

    Parameters
    ----------
    threshold : float
        The one in service, to be judged beside the others.
    at_once : int
        Images that the network looks at together.

    Raises
    ------
    StopError
        The network cannot answer; the text names the images that it looked at.
    """
    spec = detector.spec
    images = {}
    waiting = iter(cases)
    while batch := list(islice(waiting, at_once)):
        pixels = [read_image(case.image) for case in batch]
        try:
            found = detector.detect_many(
                pixels, score_threshold=spec.score_floor, max_boxes=spec.max_detections
            )
        except ModelError as error:
            names = ", ".join(case.image_id for case in batch)
            raise StopError(f"{names}: {error}") from error
        for case, each, image in zip(batch, found, pixels, strict=True):
            rows, columns = image.shape[:2]
            images[case.image_id] = ImageDetections.of(each.boxes, rows=rows, columns=columns)
    model = ModelFacts(
        name=spec.name,
        title=spec.title,
        version=detector.version,
        weights_sha256=detector.weights_sha256,
        statement=spec.statement,
        threshold=threshold,
        score_floor=spec.score_floor,
    )
    return Stored(model, images)


def judge(cases: Sequence[Case], stored: Sequence[Stored], settings: dict[str, Any]) -> Results:
    """Evaluate one model, or two of them on the same cases.

    ``settings`` are those of ``EvaluationSettings`` but for the threshold, which is each
    model's own.
    """
    judged = [
        Judged(
            each.model,
            evaluate(
                cases,
                each.images,
                EvaluationSettings(**{"threshold": each.model.threshold, **settings}),
            ),
        )
        for each in stored
    ]
    if len(judged) == 1:
        return Results(judged[0], None, None)
    return Results(judged[0], judged[1], compare(judged[0].found, judged[1].found))


def write_results(
    folder: Path,
    results: Results,
    *,
    source: str,
    now: datetime,
    read: ReadImage,
    pictures: int,
) -> None:
    """Write the page and the figures; all but the page's date follows from the cases."""
    folder.mkdir(parents=True, exist_ok=True)
    first, second, comparison = results.first, results.second, results.comparison
    values = {"manifest": source, **_values(first)}
    if second is not None and comparison is not None:
        values["compared"] = _values(second)
        values["comparison"] = comparison_values(comparison)
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(folder / FIGURES_JSON, f"{text}\n")
    write_whole(folder / FIGURES_CSV, figures_table(first.found))
    report = Report(
        source=source,
        first=first,
        now=now,
        second=second,
        comparison=comparison,
        difficult=hardest_cancers(first.found, read, at_most=pictures),
        worst=worst_boxes(first.found, read, at_most=pictures),
    )
    write_whole(folder / REPORT, report_page(report))


def write_stored(folder: Path, stored: Sequence[Stored]) -> None:
    """Keep the detections: with them the figures can be made again without the network.

    What an earlier run left in the folder goes: figures of other boxes beside these would
    be taken for theirs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (REPORT, FIGURES_JSON, FIGURES_CSV, COMPARED_JSON):
        (folder / name).unlink(missing_ok=True)
    for name, each in zip((DETECTIONS_JSON, COMPARED_JSON), stored, strict=False):
        write_detections(folder / name, each)
    write_whole(folder / DETECTIONS_CSV, detections_table(stored[0].images))


def _values(judged: Judged) -> dict[str, Any]:
    model = judged.model
    return {
        "model": {
            "name": model.name,
            "title": model.title,
            "version": model.version,
            "weights_sha256": model.weights_sha256,
            "statement": model.statement,
        },
        **values_of(judged.found),
    }
