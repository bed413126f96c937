"""A model that a study asks for beside the node's own: loaded, kept, or not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from models.detector import Detector
from node.db.session import Database
from node.states import InstanceState
from tests.factories import four_view_study, stable_uid
from tests.rerunning import conclude, looked, rerun, scripted
from tests.working_node import BOX, WorkingNode, working_node

# test_rerun.py runs the steps on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

STUDY = stable_uid("a study")


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    node = working_node(tmp_path / "storage", database, detector={"batch_size": 4})
    node.others = {name: scripted(name) for name in ("site-7", "site-8")}
    return node


def images() -> Any:
    return four_view_study(study_instance_uid=STUDY)


def test_a_model_that_is_not_installed_puts_the_image_off_and_then_sets_it_aside(
    node: WorkingNode,
) -> None:
    node = node.with_settings(analysis={"max_attempts": 2})
    node.report(node.complete(images()[:1]))
    rerun(node, STUDY, "gone")
    node.sweep()

    node.analyse(1)
    put_off = node.instance(1)
    node.clock.pass_(minutes=1)
    node.analyse(1)

    assert (put_off.state, put_off.reason) == (InstanceState.QUEUED, "MODEL_NOT_USABLE")
    assert put_off.not_before is not None
    failed = node.instance(1)
    assert (failed.state, failed.reason) == (InstanceState.FAILED, "MODEL_NOT_USABLE")
    assert "asks for the model gone: no model is called gone; then `mgnode retry`" in failed.detail
    assert node.events("instance_failed")[0].details["detail"] == failed.detail


def test_the_node_goes_on_while_a_study_asks_for_a_model_that_is_not_there(
    node: WorkingNode,
) -> None:
    node.report(node.complete(images()))
    rerun(node, STUDY, "gone")
    other = node.receive(four_view_study(patient_id="OTHER"))
    node.sweep()

    node.analyse(1, *other)

    assert {node.instance(row).state for row in other} == {InstanceState.ANALYSED}
    assert {node.instance(row).state for row in (1, 2, 3, 4)} == {InstanceState.QUEUED}


def test_what_waits_for_a_missing_model_is_due_at_once_for_another(node: WorkingNode) -> None:
    node.report(node.complete(images()[:1]))
    rerun(node, STUDY, "gone")
    node.analyse(1)

    rerun(node, STUDY, "site-8")
    node.analyse(1)

    assert looked(node)[-1] == (1, "site-8")
    assert node.instance(1).attempts == 1


def test_another_model_looks_at_its_own_operating_point(node: WorkingNode) -> None:
    """The node's threshold is a setting for the node's model."""
    node = node.with_settings(detector={"score_threshold": 0.9, "batch_size": 4})
    other = scripted("site-7")
    other.spec = replace(other.spec, score_threshold=0.2, max_boxes=1)
    other.boxes = (BOX, replace(BOX, score=0.3), replace(BOX, score=0.1))
    node.others["site-7"] = other
    node.report(node.complete(images()[:1]))
    assert node.boxes(1) == []

    rerun(node, STUDY, "site-7")
    conclude(node, STUDY, 1)

    assert [box.score for box in node.boxes(1)] == [BOX.score]


def test_one_other_model_is_kept_until_another_is_asked_for(node: WorkingNode) -> None:
    loaded: list[str] = []
    detectors = node.detectors
    load = detectors.load

    def noting(settings: Settings) -> Detector:
        loaded.append(settings.detector.model)
        return load(settings)

    detectors.load = noting
    asked = ["", "site-7", "", "site-7", "site-8", "site-8", node.runtime.settings.detector.model]
    used = [detectors.of(model).detector.spec.name for model in [*asked, "site-7"]]

    own = "reference"
    assert used == [own, "site-7", own, "site-7", "site-8", "site-8", own, "site-7"]
    assert loaded == ["site-7", "site-8", "site-7"]
