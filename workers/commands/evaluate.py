"""`mgnode evaluate`: how good a detector is on annotated images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config.log import configure
from config.settings import Settings
from models.cases.case import Case
from models.cases.manifest import ManifestError, read_manifest
from models.evaluation import wording
from models.evaluation.errors import EvaluationError
from models.evaluation.evaluation import GIVEN, OPERATING, YOUDEN, Evaluation
from models.evaluation.page import Judged
from models.evaluation.settings import EvaluationSettings
from models.evaluation.stored import Stored, read_detections
from node.cli.context import ConfigOption, JsonOption, load, print_json, print_table, screen
from node.cli.tables import table
from node.errors import StopError
from workers.case_images import check_images, image_or_none
from workers.evaluate import REPORT, Results, judge, run_detector, write_results, write_stored
from workers.gpu import batch_size, load_detector
from workers.operating_point import operating_point
from workers.weights import chosen_model

WORDS = {OPERATING: "operating", YOUDEN: "Youden", GIVEN: "in service"}


def evaluate(
    manifest: Annotated[Path, typer.Argument(help="CSV of annotated images.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="For the page and the figures.")
    ],
    config: ConfigOption = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="A registered model, or the bundled one.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights for the network of --model.")
    ] = None,
    detections: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A detections.json of an earlier run, instead of a model: the network is not run.",
        ),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE", help="A second model, or its detections.json, on the same cases."
        ),
    ] = None,
    max_false_positives: Annotated[
        float, typer.Option(min=0, help="Mean per image, for which a threshold is found.")
    ] = 0.5,
    iou: Annotated[float, typer.Option(help="A box at or above it is a hit.")] = 0.3,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Judge this one instead of the model's own."),
    ] = None,
    replicates: Annotated[
        int, typer.Option(min=0, max=100_000, help="Of the bootstrap by patient.")
    ] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    pictures: Annotated[
        int, typer.Option(min=0, max=100, help="Hardest cancers and worst boxes to show, each.")
    ] = 9,
    *,
    as_json: JsonOption = False,
) -> None:
    """Judge a detector on annotated images: curve, thresholds, groups, hardest cases.

    Writes report.html, figures.json, figures.csv, detections.json and detections.csv.
    """
    settings = load(config)
    configure(settings.log, "evaluate")
    _require_packages()
    if detections is not None and (model is not None or weights is not None):
        raise StopError("--detections is what a model saw: give no --model and no --weights")
    wanted: dict[str, Any] = {
        "iou_threshold": iou,
        "wanted_false_positives": max_false_positives,
        "replicates": replicates,
        "seed": seed,
        **({} if threshold is None else {"threshold": threshold}),
    }
    with _told():
        EvaluationSettings(**wanted)
        stored = None if detections is None else read_detections(detections)
        second = _stored_or_none(compare)
        needs_images = stored is None or (compare is not None and second is None)
        cases = read_manifest(manifest, files_exist=needs_images)
        output.mkdir(parents=True, exist_ok=True)
    chosen = None if stored is not None else _settings_of(settings, model, weights)
    other = None if compare is None or second is not None else _settings_of(settings, compare, None)
    if needs_images:
        check_images(_progress(cases, "reading the images"))
    if chosen is not None:
        stored = _run(chosen, cases)
        # Before the figures and the other model: what took hours is kept, whatever comes.
        write_stored(output, [stored])
    if other is not None:
        second = _run(other, cases)
    every = [each for each in (stored, second) if each is not None]
    write_stored(output, every)
    with _told():
        results = judge(cases, every, wanted)
    write_results(
        output,
        results,
        source=manifest.name,
        now=datetime.now().astimezone(),
        read=image_or_none,
        pictures=pictures,
    )
    if as_json:
        print_json(_summary(results, output))
    else:
        _print(results, output)


def _settings_of(settings: Settings, model: str | None, weights: Path | None) -> Settings:
    """Give the settings with this model, without a name the one that they name.

    Raises
    ------
    StopError
        It is not here: told before the images are read.
    """
    detector = settings.detector
    if model is not None:
        # The settings' file and checksum are of the settings' model.
        detector = detector.model_copy(
            update={"model": model, "weights": None, "weights_sha256": None}
        )
    if weights is not None:
        detector = detector.model_copy(update={"weights": weights, "weights_sha256": None})
    settings = settings.model_copy(update={"detector": detector})
    chosen_model(settings)
    return settings


def _run(settings: Settings, cases: Sequence[Case]) -> Stored:
    """Run a model over the images."""
    with screen(stderr=True).status("Loading the detector"):
        # A person asks for it by name; nothing of it goes to a PACS.
        detector = load_detector(settings, demonstration=True)
    point = operating_point(settings.detector, detector.spec)
    words = f"{detector.spec.name} is looking"
    return run_detector(
        detector,
        _progress(cases, words),
        threshold=point.score_threshold,
        at_once=batch_size(settings, detector),
    )


def _stored_or_none(compare: str | None) -> Stored | None:
    """Read the detections to compare with, when it is a file and no model's name."""
    if compare is None or not compare.endswith(".json"):
        return None
    return read_detections(Path(compare))


def _progress(cases: Sequence[Case], words: str) -> Iterator[Case]:
    columns = (TextColumn(words), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen(stderr=True), transient=True) as progress:
        yield from progress.track(cases)


def _require_packages() -> None:
    """Find out now, and not behind hours of work, that the figures cannot be made."""
    missing = [name for name in ("scipy", "matplotlib", "jinja2") if find_spec(name) is None]
    if missing:
        raise StopError(f"`mgnode evaluate` needs {', '.join(missing)}: install mgnode[train]")


@contextmanager
def _told() -> Iterator[None]:
    """Tell what is wrong with the files that were given, without a traceback."""
    try:
        yield
    except (ManifestError, EvaluationError) as error:
        raise StopError(str(error)) from error
    except ValueError as error:
        raise StopError(f"these settings cannot be used: {error}") from error
    except OSError as error:
        raise StopError(f"{error.filename}: {error.strerror}") from error


def _summary(results: Results, output: Path) -> dict[str, Any]:
    return {
        "report": output / REPORT,
        "models": [
            {
                "name": judged.model.name,
                "version": judged.model.version,
                "weights_sha256": judged.model.weights_sha256,
                "partial_area": judged.found.area.value,
                "sensitivity_at": {
                    f"{at.false_positives:g}": at.sensitivity.value
                    for at in judged.found.sensitivities
                },
                "thresholds": {each.name: each.threshold for each in judged.found.judgements},
            }
            for judged in _both(results)
        ],
    }


def _print(results: Results, output: Path) -> None:
    both = _both(results)
    heads = ["", *(f"{judged.model.name} {judged.model.version}" for judged in both)]
    rows = list(zip(*(_column(judged.found) for judged in both), strict=True))
    first = both[0].found
    names = [
        "images",
        "cancers",
        f"partial area, to {first.settings.most_false_positives:g} per image",
        *(f"cancers found at {at.false_positives:g} per image" for at in first.sensitivities),
        *(f"threshold, {WORDS[name]}" for name in (OPERATING, YOUDEN, GIVEN)),
    ]
    print_table(
        table("Evaluation", heads, [[name, *row] for name, row in zip(names, rows, strict=True)])
    )
    typer.echo(f"The page is {output / REPORT}. Not for diagnosis.")


def _column(found: Evaluation) -> list[str]:
    def told(value: float | None, interval: Any) -> str:
        ends = wording.interval(interval)
        return wording.number(value) + (f" ({ends})" if ends else "")

    judged = [found.judgement(name) for name in (OPERATING, YOUDEN, GIVEN)]
    return [
        str(found.total.images),
        str(found.total.lesions),
        told(*found.area),
        *(told(*at.sensitivity) for at in found.sensitivities),
        *(
            wording.NOT_DEFINED if each is None else wording.score(each.threshold)
            for each in judged
        ),
    ]


def _both(results: Results) -> list[Judged]:
    return [results.first] if results.second is None else [results.first, results.second]
