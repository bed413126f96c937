"""Boxes below the threshold: kept for a graded CAD SR, shown and counted nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from config.sending import Destination
from models.detector import Detection
from node.cli.app import app
from node.db.session import Database
from node.demo.rows import read_study
from tests.factories import four_view_study, stable_uid
from tests.report_tree import items
from tests.rerunning import conclude, rerun, scripted
from tests.working_node import BOX, WorkingNode, spoken, working_node

STUDY = stable_uid("a study")
WEAK = (replace(BOX, x0=10.0, score=0.25), replace(BOX, x0=20.0, score=0.15))
TOO_WEAK = replace(BOX, x0=30.0, score=0.08)
THRESHOLDS = [0.2, 0.1]
PROFILES = {
    "graded": {"objects": ["cad_sr"], "cad_sr": {"form": "graded"}},
    "simple": {"objects": ["cad_sr", "measurement_report", "overlay"]},
}


def destination(profile: str) -> Destination:
    return Destination(ae_title="PACS", host="127.0.0.1", port=104, profile=profile)


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    node = working_node(
        tmp_path / "storage",
        database,
        destinations={name: destination(name) for name in PROFILES},
        profiles=PROFILES,
        detector={"candidate_thresholds": THRESHOLDS},
    )
    node.detector.boxes = (BOX, *WEAK, TOO_WEAK)
    return node


def images(number: int = 1) -> Any:
    return four_view_study(study_instance_uid=STUDY)[:number]


def kept(node: WorkingNode, row: int = 1) -> list[tuple[int, float]]:
    return [(box.rank, box.score) for box in node.boxes(row)]


def cad_reports(node: WorkingNode, generation: int = 1) -> list[Any]:
    """The simple report and the graded one, where both are new."""
    rows = [row for row in node.results(generation=generation) if row.kind == "cad_sr"]
    made = [node.result(row) for row in rows]
    return sorted(made, key=lambda report: len(items(report, "111017", "111034")))


def test_boxes_down_to_the_lowest_threshold_are_kept_and_ranked_on(node: WorkingNode) -> None:
    node.complete(images())

    assert kept(node) == [(1, BOX.score), (2, 0.25), (3, 0.15)]
    assert node.parameters(1)["candidate_thresholds"] == THRESHOLDS
    (event,) = node.events("instance_analysed")
    assert (event.details["findings"], event.details["candidates"]) == (1, 2)


def test_without_such_thresholds_nothing_below_the_one_in_force_is_kept(node: WorkingNode) -> None:
    node = node.with_settings(detector={}, destinations={}, profiles={})

    node.complete(images())

    assert kept(node) == [(1, BOX.score)]
    assert "candidate_thresholds" not in node.parameters(1)


def test_findings_and_candidates_have_the_same_limit_each(node: WorkingNode) -> None:
    strong = [replace(BOX, x0=float(x), score=0.9 - x / 100) for x in range(4)]
    weak = [replace(BOX, x0=float(x), score=0.29 - x / 100) for x in range(4)]
    node.detector.boxes = (*strong, *weak)
    node = node.with_settings(detector={"candidate_thresholds": THRESHOLDS, "max_boxes": 2})

    node.report(node.complete(images()))

    scores = [box.score for box in (*strong[:2], *weak[:2])]
    assert kept(node) == list(enumerate(scores, start=1))
    assert len(items(node.report_of(), "126010", "125007")) == 2


def test_a_box_at_the_threshold_is_a_finding_although_it_is_a_float32(node: WorkingNode) -> None:
    """0.7 in float32 is less than 0.7 in float64."""
    at = Detection(10.0, 10.0, 50.0, 50.0, float(np.float32(0.7)))
    below = replace(at, score=float(np.nextafter(np.float32(0.7), np.float32(0))))
    node.detector.boxes = (at, below)
    node = node.with_settings(detector={"score_threshold": 0.7, "candidate_thresholds": THRESHOLDS})

    node.report(node.complete(images()))

    assert at.score < 0.7
    assert len(node.boxes(1)) == 2
    assert len(items(node.report_of(), "126010", "125007")) == 1


def test_the_graded_report_alone_shows_them(node: WorkingNode) -> None:
    node.report(node.complete(images()))

    simple, graded = cad_reports(node)
    assert len(items(simple, "111017", "111034")) == 1
    assert len(items(graded, "111017", "111034")) == 3
    points = items(graded, "111017", "111034", "111059", "111056", "111071")
    assert [int(item.MeasuredValueSequence[0].NumericValue) for item in points] == [1, 2]
    assert len(items(node.report_of(), "126010", "125007")) == 1
    assert "candidate" not in spoken(node.report_of())


def test_what_people_are_told_counts_findings_alone(node: WorkingNode, database_url: str) -> None:
    node.report(node.complete(images()))

    result = CliRunner().invoke(
        app, ["studies", "show", STUDY, "--json"], env={"MGNODE_DATABASE__URL": database_url}
    )
    with node.database.read() as session:
        (image,) = read_study(session, STUDY).images

    (shown,) = json.loads(result.stdout)["instances"]
    assert (shown["boxes"], shown["best_score"]) == (1, BOX.score)
    assert image.scores == (BOX.score,)


def test_an_image_with_candidates_alone_has_no_finding(node: WorkingNode) -> None:
    node.detector.boxes = WEAK

    node.report(node.complete(images()))

    simple, graded = cad_reports(node)
    assert "without findings" in spoken(simple)
    assert len(items(graded, "111017", "111034")) == 2
    assert [row.kind for row in node.results() if row.kind == "overlay"] == []


def test_other_thresholds_make_another_graded_report_and_leave_the_others(
    node: WorkingNode,
) -> None:
    node.report(node.complete(images()))
    _, graded = cad_reports(node)
    again = node.with_settings(detector={"candidate_thresholds": [0.2]})

    rerun(again, STUDY)
    conclude(again, STUDY, 1)

    (row,) = node.results(generation=2)
    new = node.result(row)
    assert len(items(new, "111017", "111034")) == 2
    (study,) = new.PredecessorDocumentsSequence
    superseded = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert superseded.ReferencedSOPInstanceUID == graded.SOPInstanceUID


def test_another_model_has_those_that_lie_between_its_floor_and_its_threshold(
    node: WorkingNode,
) -> None:
    other = scripted("site-7", boxes=node.detector.boxes)
    other.spec = replace(other.spec, score_threshold=0.2)
    node.others["site-7"] = other
    node.complete(images())

    rerun(node, STUDY, "site-7")
    node.analyse(1)

    (event,) = node.events("instance_analysed")[1:]
    assert event.details["parameters"]["candidate_thresholds"] == [0.1]
    assert (event.details["findings"], event.details["candidates"]) == (2, 1)
