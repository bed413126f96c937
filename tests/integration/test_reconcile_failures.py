"""What was given up is told until a person has put it back or set it aside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydicom import FileDataset
from sqlalchemy import select
from typer.testing import CliRunner

from config.sending import Destination
from config.settings import Settings
from node.cli.app import app
from node.db.events import Event
from node.db.session import Database
from node.db.tables import Study
from node.db.transitions import move
from node.dispatch import reconcile_failures
from node.states import DeliveryState, InstanceState, StudyState
from tests.factories import make_mammogram, stable_uid
from tests.reconciling import compare, open_rows, told
from tests.rows import NOON, received
from tests.servers import free_port
from tests.working_node import WorkingNode, working_node

STUDY, IMAGE = stable_uid("given up"), stable_uid("an image that is given up")

Run = Callable[..., str]


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    """A node whose one destination is not there, and which gives up soon."""
    nobody = Destination(ae_title="NOBODY", host="127.0.0.1", port=free_port())
    return working_node(
        tmp_path / "storage",
        database,
        destinations={"pacs": nobody},
        delivery={"give_up_hours": 1.0},
        analysis={"max_attempts": 1},
    )


@pytest.fixture
def run(node: WorkingNode, database_url: str) -> Run:
    """Give what a command prints."""
    environ = {
        "MGNODE_DATABASE__URL": database_url,
        "MGNODE_STORAGE__ROOT": str(node.layout.root),
        "MGNODE_BROKER__URL": f"redis://127.0.0.1:{free_port()}/0",
    }
    return lambda *arguments: CliRunner().invoke(app, arguments, env=environ).stdout


def given_up(node: WorkingNode) -> None:
    """Let the results of one study be sent in vain until none waits any more."""
    node.report(node.complete([make_mammogram()]))
    for _ in range(8):
        node.clock.pass_(hours=2)
        node.deliver()
    assert set(node.delivery_states()) == {DeliveryState.FAILED}


def image(**attributes: str) -> list[FileDataset]:
    return [make_mammogram(study_instance_uid=STUDY, sop_instance_uid=IMAGE, **attributes)]


def fail(_: object) -> None:
    raise MemoryError


def test_results_that_were_given_up_are_told_until_they_are_sent_again(
    node: WorkingNode, run: Run
) -> None:
    given_up(node)
    found = compare(node)
    (row,) = json.loads(run("reconcile", "--json"))
    health = run("health", "dispatch")
    run("retry", "--all")
    node.clock.pass_(minutes=1)
    after = compare(node)

    assert found == {"DELIVERY_FAILED": 1}
    assert (row["kind"], row["subject"]) == ("DELIVERY_FAILED", "pacs")
    assert row["detail"] == (
        f"{len(node.deliveries())} given up, the oldest result of 2025-03-04 12:02Z"
    )
    assert "alarm: 1 DELIVERY_FAILED; `mgnode reconcile` names them" in health
    assert "DELIVERY_FAILED" not in after
    assert told(node)[-1] == ("discrepancy_resolved", "DELIVERY_FAILED", "GONE")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_destination_that_left_the_settings_is_told_of_until_a_person_says_it_is_gone(
    node: WorkingNode,
) -> None:
    given_up(node)
    removed = node.with_settings(destinations={})
    gone = removed.with_settings(alarms={"gone_destinations": ["pacs"]})

    assert compare(removed) == {"DELIVERY_FAILED": 1}
    assert open_rows(node) == [("DELIVERY_FAILED", "pacs")]
    assert compare(gone) == {}


def test_a_destination_of_the_settings_cannot_be_gone() -> None:
    pacs = Destination(ae_title="PACS", host="127.0.0.1", port=104)

    with pytest.raises(ValidationError, match="gone_destinations names pacs"):
        Settings.model_validate(
            {"destinations": {"pacs": pacs}, "alarms": {"gone_destinations": ["pacs", "other"]}}
        )


def test_an_image_that_was_given_up_is_told_until_a_person_sets_it_aside(
    node: WorkingNode, run: Run
) -> None:
    node.detector.look = fail
    (row,) = node.receive(image())
    node.sweep()
    node.analyse(row)
    found = compare(node)
    (shown,) = json.loads(run("reconcile", "--json"))
    run("instances", "reject", IMAGE, "--reason", "no image")

    assert node.instance(row).state is InstanceState.REJECTED
    assert found == {"IMAGE_FAILED": 1}
    assert (shown["subject"], shown["study_instance_uid"]) == (STUDY, STUDY)
    assert shown["detail"].startswith("1 not analysed: ")
    assert compare(node) == {}


def test_a_study_that_was_given_up_is_told_until_it_opens_again(
    node: WorkingNode, run: Run
) -> None:
    other = make_mammogram(study_instance_uid=STUDY, laterality="L")
    node.report(node.complete([*image(patient_id="MG-OTHER"), other]))
    found = compare(node)
    (row,) = json.loads(run("reconcile", "--json"))
    run("instances", "reject", IMAGE, "--reason", "of somebody else")

    assert node.study(STUDY).state is StudyState.OPEN
    assert found == {"STUDY_FAILED": 1}
    assert (row["subject"], row["detail"]) == (STUDY, "no report: IDENTITY_CONFLICT")
    assert compare(node) == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_of_many_studies_the_oldest_are_named_and_the_others_counted(
    node: WorkingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile_failures, "MOST_NAMED", 2)
    for number in range(5):
        received(node.database, study=f"study {number}")
    with node.database.begin() as session:
        for study in session.scalars(select(Study)):
            for state in (StudyState.COMPLETE, StudyState.FAILED):
                move(session, study, state, at=NOON, event=Event.STUDY_FAILED, actor="test")
    compare(node)

    named = [subject for kind, subject in open_rows(node) if kind == "STUDY_FAILED"]
    assert named == [stable_uid("study 0"), stable_uid("study 1"), "others"]
