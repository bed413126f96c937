"""`mgnode studies show` of a study whose images are not one patient's."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from node.cli.app import app
from node.db.set_aside import set_aside
from node.db.tables import Instance
from tests.factories import make_mammogram, stable_uid
from tests.working_node import WorkingNode

# test_report.py runs the same statements on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

STUDY = stable_uid("a study")
MIXED = [
    make_mammogram(
        study_instance_uid=STUDY, view=view, patient_id=f"SECRET-{name}", patient_name=name
    )
    for view, name in (("CC", "Secreta"), ("MLO", "Secretb"))
]
DISPUTED = ["PatientID", "PatientName group 1"]


@pytest.mark.parametrize("setting", ["stop", "separate"])
def test_the_command_shows_what_the_images_disagree_about(
    node: WorkingNode, database_url: str, setting: str
) -> None:
    node = node.with_settings(results={"identity_conflict": setting})
    node.report(node.complete(MIXED))
    environment = {"MGNODE_DATABASE__URL": database_url}

    shown = CliRunner().invoke(app, ["studies", "show", STUDY, "--json"], env=environment)
    text = CliRunner().invoke(app, ["studies", "show", STUDY], env=environment)

    assert json.loads(shown.stdout)["disagreement"]["attributes"] == DISPUTED
    assert "Its images disagree about PatientID, PatientName group 1." in text.stdout
    assert "secret" not in (shown.stdout + text.stdout).lower()


def test_the_command_shows_no_disagreement_that_was_mended(
    node: WorkingNode, database_url: str
) -> None:
    node.report(node.complete(MIXED))
    with node.database.begin() as session:
        row = session.get_one(Instance, 2)
        set_aside(session, row, why="wrong", at=node.clock(), actor="person")
    node.clock.pass_(hours=1)
    node.sweep()
    node.report(node.study(STUDY).id)

    shown = CliRunner().invoke(
        app, ["studies", "show", STUDY, "--json"], env={"MGNODE_DATABASE__URL": database_url}
    )

    assert json.loads(shown.stdout)["disagreement"] is None
