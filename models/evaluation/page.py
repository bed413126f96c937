"""The report of an evaluation: one page that holds all it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING

from models.evaluation import wording
from models.evaluation.breakdown import Group
from models.evaluation.comparison import Comparison
from models.evaluation.decisions import FIGURES
from models.evaluation.evaluation import GIVEN, OPERATING, YOUDEN, Evaluation
from models.evaluation.hard_images import HardImage
from models.evaluation.plot import DrawnCurve, froc_svg
from models.evaluation.stored import ModelFacts

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATE = "page.html.j2"
MOST_IN_LEGEND = 44
"""Letters of a model's name and version."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One model and what was found of it."""

    model: ModelFacts
    found: Evaluation


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page shows.

    Parameters
    ----------
    source : str
        Names the manifest.
    second, comparison
        Of another model on the same cases, or None both.
    now : datetime
        When it was made; everything else in the page follows from the cases.
    """

    source: str
    first: Judged
    now: datetime
    second: Judged | None = None
    comparison: Comparison | None = None
    difficult: Sequence[HardImage] = ()
    worst: Sequence[HardImage] = ()


def report_page(report: Report) -> str:
    """Give the page as HTML.

    Everything in it that came from outside, a file's name or a model's title, is escaped.
    """
    curve = froc_svg(
        _curves(report),
        title="FROC curve",
        description=_description(report),
    )
    template = _environment().from_string(
        resources.files("models.evaluation").joinpath(TEMPLATE).read_text(encoding="utf-8")
    )
    return template.render(
        report=report,
        found=report.first.found,
        settings=report.first.found.settings,
        confidence=report.first.found.settings.confidence,
        curve=curve,
        models=_models(report),
        figures=FIGURES,
        names={OPERATING: "operating", YOUDEN: "Youden", GIVEN: "in service"},
        dimensions=_dimensions(report.first.found),
        made_at=report.now.isoformat(sep=" ", timespec="minutes"),
    )


def _environment() -> Environment:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        number=wording.number,
        range=wording.interval,
        score=wording.score,
        p_value=wording.p_value,
        counted=wording.of,
    )
    environment.globals.update(group_name=wording.group_name)
    return environment


def _curves(report: Report) -> list[DrawnCurve]:
    return [DrawnCurve(_short(each.model), each.found) for each in _models(report)]


def _models(report: Report) -> list[Judged]:
    return [report.first] if report.second is None else [report.first, report.second]


def _short(model: ModelFacts) -> str:
    """Name a model in the legend, where a long name would leave no room for the curve."""
    name = f"{model.name} {model.version}"
    return name if len(name) <= MOST_IN_LEGEND else f"{name[: MOST_IN_LEGEND - 1]}…"


def _dimensions(found: Evaluation) -> list[tuple[str, str, list[Group]]]:
    """Give the groups by dimension: key, heading and members."""
    return [
        (key, heading, members)
        for key, heading in wording.DIMENSIONS.items()
        if (members := [group for group in found.groups if group.dimension == key])
    ]


def _description(report: Report) -> str:
    """Say what the curve shows to those who do not see it."""
    told = []
    for each in _curves(report):
        points = ", ".join(
            f"{wording.number(at.sensitivity.value)} at {at.false_positives:g}"
            for at in each.evaluation.sensitivities
        )
        told.append(f"{each.name}: sensitivity {points} false positives per image")
    return "; ".join(told) + ". The same figures stand in the table below."
