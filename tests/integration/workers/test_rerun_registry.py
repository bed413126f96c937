"""A study that asks for a model of the registry: real weights and a real network."""

from __future__ import annotations

from pathlib import Path
from weakref import ref

import pytest

from node.db.session import Database
from node.states import InstanceState
from tests.factories import four_view_study, stable_uid
from tests.rerunning import conclude, looked, rerun
from tests.tiny_weights import register_tiny
from tests.working_node import WorkingNode, working_node
from workers.analyse import analyse_instance
from workers.detectors import Detectors, ModelNotUsable
from workers.gpu import load_detector

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

STUDY = stable_uid("a study")


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    """A node whose own model is `own`, at another threshold than the model's; `other` is there."""
    root = tmp_path / "storage"
    register_tiny(root / "models", "own", seed=7, score_threshold=0.3)
    register_tiny(root / "models", "other", seed=8, score_threshold=0.42, max_boxes=2)
    return working_node(root, database, detector={"model": "own", "score_threshold": 0.5})


def test_a_model_is_loaded_from_the_registry_when_a_study_asks_for_it(node: WorkingNode) -> None:
    settings = node.runtime.settings
    detectors = Detectors(settings, load_detector(settings))
    node.report(node.complete(four_view_study(study_instance_uid=STUDY)[:1]))
    rerun(node, STUDY, "other")

    analyse_instance(node.runtime, detectors, 1)
    conclude(node, STUDY)

    (_, (_, name)) = looked(node)
    details = node.events("instance_analysed")[1].details
    assert name == "other"
    assert details["model_version"] == detectors.of("other").detector.version
    assert details["model_version"] != detectors.own.version
    assert (details["parameters"]["score_threshold"], details["parameters"]["max_boxes"]) == (
        0.42,
        2,
    )
    assert node.study(STUDY).generation == 2


def test_a_model_that_is_not_asked_for_any_more_leaves_the_memory(node: WorkingNode) -> None:
    register_tiny(node.layout.models, "third", seed=9)
    settings = node.runtime.settings
    detectors = Detectors(settings, load_detector(settings))
    network = ref(detectors.of("other").detector.network)
    assert network() is not None

    detectors.of("third")

    assert network() is None


def test_a_model_that_was_removed_or_changed_is_said_with_what_to_do(node: WorkingNode) -> None:
    settings = node.runtime.settings
    detectors = Detectors(settings, load_detector(settings))
    weights = node.layout.models / "other" / "weights.h5"
    weights.write_bytes(weights.read_bytes() + b"\0")

    with pytest.raises(ModelNotUsable, match=r"asks for the model other: .*not the expected"):
        detectors.of("other")
    with pytest.raises(ModelNotUsable, match="no model is called gone; `mgnode model list`"):
        detectors.of("gone")
    assert detectors.of("").detector.spec.name == "own"


def test_the_demonstration_model_is_refused_to_a_study_too(node: WorkingNode) -> None:
    settings = node.runtime.settings
    node.complete(four_view_study(study_instance_uid=STUDY)[:1])
    rerun(node, STUDY, "demonstration")

    analyse_instance(node.runtime, Detectors(settings, load_detector(settings)), 1)

    assert node.instance(1).state is InstanceState.QUEUED
    assert "never answers for a real one" in node.instance(1).detail
