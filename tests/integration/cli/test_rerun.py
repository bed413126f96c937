"""`mgnode rerun` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import update
from typer.testing import CliRunner

from node.db.tables import Study
from node.states import InstanceState, StudyState
from tests.factories import four_view_study
from tests.tiny_weights import register_tiny
from tests.working_node import WorkingNode
from workers.cli import app

STUDY = str(four_view_study()[0].StudyInstanceUID)


@pytest.fixture
def storage(node: WorkingNode) -> Path:
    return node.runtime.settings.storage.root


def rerun(database_url: str, storage: Path, *arguments: str) -> Result:
    environ = {"MGNODE_DATABASE__URL": database_url, "MGNODE_STORAGE__ROOT": str(storage)}
    return CliRunner().invoke(app, ["rerun", *arguments], env=environ)


def test_a_study_is_queued_for_the_nodes_own_model(
    node: WorkingNode, database_url: str, storage: Path
) -> None:
    result = rerun(database_url, storage, STUDY)

    assert result.exit_code == 0, result.output
    assert "3 images are analysed again by ueda2022" in result.stdout
    assert "what comes out as it was is not sent again" in result.stdout
    assert node.study(STUDY).state is StudyState.OPEN
    assert [node.instance(row).state for row in (1, 2, 3, 4)] == [
        *[InstanceState.QUEUED] * 3,
        InstanceState.REJECTED,
    ]


@pytest.mark.tensorflow
def test_a_registered_model_is_asked_for_by_its_name(
    node: WorkingNode, database_url: str, storage: Path
) -> None:
    register_tiny(storage / "models")

    told = json.loads(rerun(database_url, storage, STUDY, "--model", "tiny", "--json").stdout)

    assert told == {"study_instance_uid": STUDY, "model": "tiny", "images": 3}
    assert node.study(STUDY).model == "tiny"
    (event,) = node.events("study_rerun")
    assert event.details["model"] == "tiny"
    assert event.actor.startswith("mgnode rerun by ")


def test_the_nodes_own_model_by_its_name_is_the_nodes_own(
    node: WorkingNode, database_url: str, storage: Path
) -> None:
    """Else its results would stand beside themselves, as a second opinion of one model."""
    result = rerun(database_url, storage, STUDY, "--model", "ueda2022")

    assert result.exit_code == 0, result.output
    assert node.study(STUDY).model == ""


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("site-7", "--model: no model is called site-7; `mgnode model list`"),
        ("demonstration", "no clinical value and never answers for a real one"),
    ],
)
def test_a_model_that_is_not_there_or_may_not_answer_changes_nothing(
    node: WorkingNode, database_url: str, storage: Path, model: str, says: str
) -> None:
    result = rerun(database_url, storage, STUDY, "--model", model)

    assert result.exit_code != 0
    assert says in str(result.exception)
    assert node.study(STUDY).state is StudyState.REPORTED
    assert node.events("study_rerun") == []


@pytest.mark.usefixtures("node")
def test_a_study_that_is_not_there_is_said(database_url: str, storage: Path) -> None:
    result = rerun(database_url, storage, "1.2.3")

    assert result.exit_code == 1
    assert "no study 1.2.3; `mgnode studies list` names them" in str(result.exception)


def test_a_study_without_an_image_to_analyse_is_said(
    node: WorkingNode, database_url: str, storage: Path
) -> None:
    phantoms = four_view_study(patient_id="PHANTOM", BodyPartExamined="PHANTOM")
    study = str(phantoms[0].StudyInstanceUID)
    node.report(node.complete(phantoms))

    result = rerun(database_url, storage, study)

    assert result.exit_code == 1
    assert "no image to analyse: each one is rejected" in str(result.exception)
    assert node.study(study).state is StudyState.REPORTED


def test_the_study_shows_the_model_that_it_asks_for(
    node: WorkingNode, database_url: str, storage: Path
) -> None:
    environ = {"MGNODE_DATABASE__URL": database_url, "MGNODE_STORAGE__ROOT": str(storage)}
    with node.database.begin() as session:
        session.execute(update(Study).values(model="site-7"))

    result = CliRunner().invoke(app, ["studies", "show", STUDY], env=environ)

    assert " by site-7" in result.stdout
