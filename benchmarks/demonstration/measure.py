"""The figures of the demonstration model on the three groups of images."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.progress import track

from benchmarks.demonstration import groups
from benchmarks.demonstration.groups import Image
from benchmarks.demonstration.recipe import SPEC
from models.detector import Detector
from models.evaluation.bootstrap import Estimate
from models.evaluation.detections import ImageDetections
from models.evaluation.evaluation import Evaluation, evaluate
from models.evaluation.plot import DrawnCurve, froc_svg
from models.evaluation.settings import EvaluationSettings
from node.cli.tables import table


class Goal(NamedTuple):
    """A figure that the model should reach on a group of images."""

    group: str
    what: str
    least: float | None = None
    most: float | None = None

    def is_reached(self, value: float) -> bool:
        """Tell whether a value is good enough."""
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    @property
    def text(self) -> str:
        """The goal in words."""
        return f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"


SYNTHETIC: Final = "synthetic images"
FILMS_WITH_LESIONS: Final = "films with a lesion"
FILMS: Final = "films as they are"

GOALS: Final = (
    Goal(SYNTHETIC, "sensitivity at 0.5 false boxes an image", least=0.90),
    Goal(FILMS_WITH_LESIONS, "sensitivity at 1 false box an image", least=0.70),
    Goal(FILMS, "false boxes an image at the operating threshold", most=1.0),
)


def measure(weights: Path, held_out: Path, *, figures: Path, plot: Path, console: Console) -> None:
    """Look at all three groups, print the goals, and write figures and FROC plot."""
    detector = Detector.load(SPEC, weights)
    synthetic = _evaluated(detector, groups.synthetic(held_out), SYNTHETIC, console)
    lesions = _evaluated(detector, groups.films_with_lesions(), FILMS_WITH_LESIONS, console)
    untouched = _evaluated(detector, groups.films(), FILMS, console)
    shown = [
        sum(box.score >= SPEC.score_threshold for box in image.detections.boxes)
        for image in untouched.images
    ]
    found = (
        _sensitivity(synthetic, 0.5),
        _sensitivity(lesions, 1.0),
        Estimate(sum(shown) / len(shown), None),
    )
    console.print(
        table(
            f"{SPEC.title}, {detector.version}",
            ["images", "what", "value", "95 % interval", "goal", "reached"],
            [
                [goal.group, goal.what, _number(estimate.value), _interval(estimate), goal.text,
                 "yes" if goal.is_reached(estimate.value or 0.0) else "NO"]
                for goal, estimate in zip(GOALS, found, strict=True)
            ],
        )
    )  # fmt: skip
    values = {
        "weights_sha256": detector.weights_sha256,
        "score_threshold": SPEC.score_threshold,
        SYNTHETIC: _values(synthetic),
        FILMS_WITH_LESIONS: _values(lesions),
        FILMS: {
            "images": len(shown),
            "false_boxes_per_image_at_the_operating_threshold": found[2].value,
        },
    }
    figures.write_text(json.dumps(values, indent=2) + "\n")
    drawn = froc_svg(
        [DrawnCurve(SYNTHETIC, synthetic), DrawnCurve(FILMS_WITH_LESIONS, lesions)],
        title="FROC of the demonstration model",
        description="Sensitivity against false boxes an image, on synthetic lesions only.",
    )
    if drawn is not None:
        plot.write_text(drawn)
    console.print(f"Figures are in {figures}, the FROC plot is {plot}.", soft_wrap=True)


def _evaluated(
    detector: Detector, images: Iterable[Image], name: str, console: Console
) -> Evaluation:
    cases, detections = [], {}
    for image in track(images, name, console=console, transient=True):
        pixels = image.read()
        found = detector.detect(
            pixels, score_threshold=SPEC.score_floor, max_boxes=SPEC.max_detections
        )
        rows, columns = pixels.shape[:2]
        cases.append(image.case)
        detections[image.case.image_id] = ImageDetections.of(
            found.boxes, rows=rows, columns=columns
        )
    return evaluate(cases, detections, EvaluationSettings(threshold=SPEC.score_threshold))


def _sensitivity(found: Evaluation, false_positives: float) -> Estimate:
    return next(
        at.sensitivity for at in found.sensitivities if at.false_positives == false_positives
    )


def _values(found: Evaluation) -> dict[str, Any]:
    given = found.judgement("given")
    return {
        "images": found.total.images,
        "lesions": found.total.lesions,
        "sensitivity_at_false_boxes_per_image": {
            str(at.false_positives): at.sensitivity.value for at in found.sensitivities
        },
        "partial_area": found.area.value,
        "at_the_operating_threshold": None
        if given is None
        else {
            "sensitivity": given.found.value,
            "false_boxes_per_image": given.false_positives.value,
        },
        "sensitivity_by_finding": {
            group.name: group.found.value
            for group in found.groups
            if group.dimension == "finding" and group.found is not None
        },
    }


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"


def _interval(estimate: Estimate) -> str:
    interval = estimate.interval
    return "" if interval is None else f"{interval.low:.3f} to {interval.high:.3f}"
