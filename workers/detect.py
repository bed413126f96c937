"""`mgnode detect`: the detector on files, without a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config.detecting import DetectorSettings
from config.settings import Settings
from node.cli.context import print_json, print_table, screen
from node.cli.tables import table
from node.dicom.drawing import Mark, draw
from node.dicom.findings import Finding
from node.errors import RejectedInstance, StopError
from workers.analyse import to_findings
from workers.gpu import load_detector
from workers.image_files import read_image
from workers.operating_point import OperatingPoint, operating_point
from workers.weights import demonstration_detector, reference_detector

if TYPE_CHECKING:
    from models.detector import Detector


@dataclass(frozen=True, slots=True)
class FileResult:
    """What the detector saw in one file; ``refused`` says why it did not look."""

    path: Path
    refused: str
    rows: int = 0
    columns: int = 0
    findings: tuple[Finding, ...] = ()
    picture: Path | None = None


def detect_files(
    given: list[Path],
    settings: Settings,
    *,
    output: Path | None,
    reference: bool,
    demonstration: bool,
    as_json: bool,
) -> int:
    """Print the boxes of each file; give 0, or 1 when one file was refused.

    Raises
    ------
    StopError
        There are no usable weights.
    """
    messages = screen(stderr=True)
    files = list(dict.fromkeys(_files(given)))
    settings = settings.model_copy(
        update={"detector": _detector_settings(settings, reference, demonstration)}
    )
    with messages.status("Loading the detector"):
        detector = load_detector(settings, demonstration=demonstration)
    point = operating_point(settings.detector, detector.spec)
    columns = (TextColumn("detecting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages, transient=True) as progress:
        results = [
            _detect(path, point, detector, None if output is None else output / name)
            for path, name in progress.track(_picture_names(files).items())
        ]
    if as_json:
        print_json(
            {
                "model": detector.spec.name,
                "model_version": detector.version,
                "weights_sha256": detector.weights_sha256,
                **point._asdict(),
                "files": [_values(result) for result in results],
            }
        )
    else:
        rows = [row for result in results for row in _rows(result)]
        heads = ["file", "columns x rows", "score", "x0, y0, x1, y1"]
        print_table(table(f"{detector.spec.title} {detector.version}", heads, rows))
        if output is not None:
            typer.echo(f"Pictures are in {output}.")
        typer.echo("Boxes are in stored pixels. Not for diagnosis.")
        if detector.spec.is_reference:
            typer.echo("Reference weights: these boxes mean nothing.")
        if detector.spec.is_demonstration:
            typer.echo("Demonstration model, trained on synthetic images: no clinical value.")
    return 1 if not results or any(result.refused for result in results) else 0


def _detector_settings(
    settings: Settings, reference: bool, demonstration: bool
) -> DetectorSettings:
    if reference and demonstration:
        raise StopError("--reference and --demonstration are two models: name one")
    if reference:
        return reference_detector(settings, screen(stderr=True))
    return demonstration_detector(settings) if demonstration else settings.detector


def _detect(
    path: Path, point: OperatingPoint, detector: Detector, picture: Path | None
) -> FileResult:
    try:
        pixels = read_image(path)
    except RejectedInstance as error:
        return FileResult(path, f"{error.reason} {error.detail}".strip())
    rows, columns = pixels.shape[:2]
    found = detector.detect(
        pixels, score_threshold=point.score_threshold, max_boxes=point.max_boxes
    )
    findings = to_findings(found.boxes, rows=rows, columns=columns)
    result = FileResult(path, "", rows, columns, findings)
    if picture is None:
        return result
    _write_picture(picture, pixels, result, f"{detector.spec.title} {detector.version}")
    return replace(result, picture=picture)


def _picture_names(files: list[Path]) -> dict[Path, str]:
    """Name the picture of each file, no two alike: folders may hold files of one name."""
    names: dict[Path, str] = {}
    times: dict[str, int] = {}
    for path in files:
        times[path.name] = times.get(path.name, 0) + 1
        again = f".{times[path.name]}" if times[path.name] > 1 else ""
        # The whole name: a UID for a name has no suffix, and its last part tells files apart.
        names[path] = f"{path.name}{again}.boxes.png"
    return names


def _write_picture(
    picture: Path, pixels: NDArray[np.uint8], result: FileResult, model: str
) -> None:
    picture.parent.mkdir(parents=True, exist_ok=True)
    grey = pixels if pixels.ndim == 2 else np.asarray(Image.fromarray(pixels).convert("L"))
    drawn = draw(
        grey,
        [Mark(found.box, f"{100 * found.score:.1f} %") for found in result.findings],
        footer=["AI result - not for diagnosis", model],
        long_side=0,
    )
    Image.fromarray(drawn).save(picture)


def _files(given: list[Path]) -> Iterator[Path]:
    for path in given:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file())
        else:
            yield path


def _rows(result: FileResult) -> list[Sequence[object]]:
    name = result.path.name
    if result.refused:
        return [[name, "", f"refused: {result.refused}", ""]]
    size = f"{result.columns} x {result.rows}"
    if not result.findings:
        return [[name, size, "none", ""]]
    boxes = [
        (f"{found.score:.4f}", ", ".join(f"{edge:.1f}" for edge in found.box))
        for found in result.findings
    ]
    first, *others = boxes
    return [[name, size, *first], *(["", "", *other] for other in others)]


def _values(result: FileResult) -> dict[str, Any]:
    return {
        **asdict(result),
        "findings": [
            {"rank": found.rank, "score": found.score, **found.box._asdict()}
            for found in result.findings
        ],
    }
