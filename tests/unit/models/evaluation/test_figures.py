"""Figures as plain values: complete, and never NaN or infinite."""

from __future__ import annotations

import csv
import io
import json
import math

from hypothesis import given, settings

from models.evaluation.comparison import compare
from models.evaluation.detections import ScoredBox
from models.evaluation.evaluation import evaluate
from models.evaluation.figures import comparison_values, figures_table, values_of
from models.evaluation.settings import EvaluationSettings
from tests.annotated import Annotated, annotated, cancer, image_sets, split

HIT, NOWHERE = (0.0, 0.0, 4.0, 4.0), (20.0, 30.0, 28.0, 40.0)
QUICK = EvaluationSettings(replicates=20, threshold=0.5)
IMAGES = [
    annotated("1", [cancer(*HIT)], [ScoredBox(*HIT, 0.75)], patient="P1", density="A"),
    annotated("2", [], [ScoredBox(*NOWHERE, 0.5)], patient="P2", density="D"),
]


@settings(deadline=None, max_examples=30)
@given(image_sets())
def test_all_figures_are_values_of_strict_json(images: list[Annotated]) -> None:
    found = evaluate(*split(images), QUICK)

    values = {**values_of(found), "comparison": comparison_values(compare(found, found))}

    assert json.loads(json.dumps(values, allow_nan=False)) == json.loads(json.dumps(values))
    for row in csv.DictReader(io.StringIO(figures_table(found))):
        cells = [row[name] for name in ("value", "low", "high", "counted", "total")]
        assert all(math.isfinite(float(cell)) for cell in cells if cell)


def test_the_values_are_those_of_the_evaluation() -> None:
    values = values_of(evaluate(*split(IMAGES), QUICK))

    assert values["partial_area"]["value"] == 1
    assert values["thresholds"]["given"]["images"]["specificity"]["value"] == 0
    assert values["thresholds"]["given"]["false_positives"]["value"] == 0.5
    assert values["curve"] == [
        {"threshold": None, "false_positives": 0, "sensitivity": 0},
        {"threshold": 0.75, "false_positives": 0, "sensitivity": 1},
    ]
    assert [group["name"] for group in values["groups"] if group["dimension"] == "density"] == [
        "A",
        "D",
    ]


def test_the_table_has_one_figure_a_line_and_leaves_empty_what_is_not_defined() -> None:
    rows = list(csv.DictReader(io.StringIO(figures_table(evaluate(*split(IMAGES), QUICK)))))

    by_name = {(row["part"], row["name"], row["figure"]): row for row in rows}
    assert len(by_name) == len(rows)
    specificity = by_name["threshold", "given", "images, specificity"]
    assert (specificity["value"], specificity["counted"], specificity["total"]) == ("0.0", "0", "1")
    assert by_name["density", "D", "partial_area"]["value"] == ""
