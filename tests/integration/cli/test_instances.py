"""`mgnode instances`: a study that holds a wrong image is reported after a person acted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from pydicom import FileDataset
from typer.testing import CliRunner

from node.cli.app import app
from node.db.session import Database
from node.states import InstanceState, StudyState
from tests.factories import four_view_study, make_mammogram, stable_uid
from tests.working_node import WorkingNode, spoken, working_node

STUDY = stable_uid("a mixed study")
WRONG = stable_uid("image of somebody else")


@pytest.fixture
def mixed(database: Database, tmp_path: Path) -> WorkingNode:
    """A node that has stopped a study whose last image names another patient."""
    node = working_node(tmp_path / "storage", database)
    node.report(node.complete([*images()[:3], wrong_image()]))
    assert (node.study(STUDY).state, node.study(STUDY).reason) == (
        StudyState.FAILED,
        "IDENTITY_CONFLICT",
    )
    return node


def images() -> list[FileDataset]:
    return four_view_study(study_instance_uid=STUDY)


def wrong_image(**attributes: Any) -> FileDataset:
    return make_mammogram(
        view="MLO",
        laterality="L",
        patient_id="MG-OTHER",
        study_instance_uid=STUDY,
        sop_instance_uid=WRONG,
        **attributes,
    )


def run(database_url: str, *arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["instances", *arguments], env={"MGNODE_DATABASE__URL": database_url}
    )


def reject(database_url: str, uid: str = WRONG, *options: str) -> Result:
    return run(database_url, "reject", uid, "--reason", "  worklist mix-up ", *options)


def report_again(node: WorkingNode) -> None:
    node.sweep()
    node.report(node.study(STUDY).id)


def test_a_study_is_reported_without_the_image_that_was_set_aside(
    mixed: WorkingNode, database_url: str
) -> None:
    result = reject(database_url)
    reopened = mixed.study(STUDY)
    report_again(mixed)

    assert result.exit_code == 0, result.output
    assert (reopened.state, reopened.reason) == (StudyState.OPEN, "SET_ASIDE")
    assert mixed.study(STUDY).state is StudyState.REPORTED
    assert WRONG not in str(mixed.report_of()), "neither boxes nor evidence"
    assert WRONG not in spoken(mixed.report_of()), "no remark"
    assert [row.source_instance_id for row in mixed.results()] == [None, None, 1, 2, 3]
    assert mixed.audit_problem() is None


def test_corrected_images_with_new_uids_are_reported_in_its_place(
    mixed: WorkingNode, database_url: str
) -> None:
    corrected = images()[3]
    (row,) = mixed.receive([corrected])
    mixed.sweep()
    mixed.analyse(row)
    report_again(mixed)
    still_mixed = mixed.study(STUDY).state

    reject(database_url)
    report_again(mixed)

    assert still_mixed is StudyState.FAILED
    assert mixed.study(STUDY).state is StudyState.REPORTED
    assert str(corrected.SOPInstanceUID) in str(mixed.report_of())


def test_the_audit_log_says_who_set_it_aside_and_why_in_their_own_words(
    mixed: WorkingNode, database_url: str
) -> None:
    reject(database_url)

    event = mixed.events("instance_rejected")[-1]
    assert (event.uid, event.study_instance_uid) == (WRONG, STUDY)
    assert (event.old, event.new, event.reason) == ("ANALYSED", "REJECTED", "SET_ASIDE")
    assert event.details == {"detail": "worklist mix-up"}
    assert event.actor.startswith("mgnode instances reject by ")
    (opened,) = mixed.events("study_reopened")
    assert (opened.reason, opened.actor) == ("SET_ASIDE", event.actor)


def test_an_image_that_a_rule_has_rejected_can_be_set_aside_too(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """A phantom of another patient is not analysed, and stops the study all the same."""
    node = working_node(tmp_path / "storage", database)
    node.report(node.complete([images()[0], wrong_image(BodyPartExamined="PHANTOM")]))
    stopped = node.study(STUDY).state

    reject(database_url)
    report_again(node)

    assert stopped is StudyState.FAILED
    assert node.study(STUDY).state is StudyState.REPORTED
    assert "QUALITY_CONTROL" not in spoken(node.report_of())


def test_an_image_whose_analysis_failed_can_be_set_aside_and_is_not_replayed(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    def fail(_: object) -> None:
        raise MemoryError

    node = working_node(tmp_path / "storage", database, analysis={"max_attempts": 1})
    node.detector.look = fail
    node.report(node.complete([wrong_image()]))

    reject(database_url)
    CliRunner().invoke(app, ["retry", "--all"], env={"MGNODE_DATABASE__URL": database_url})

    assert [event.old for event in node.events("instance_rejected")] == ["FAILED"]
    assert node.instance(1).state is InstanceState.REJECTED


def test_a_study_without_any_image_left_waits_and_is_not_reported(
    mixed: WorkingNode, database_url: str
) -> None:
    for uid in [str(image.SOPInstanceUID) for image in images()[:3]] + [WRONG]:
        assert reject(database_url, uid).exit_code == 0
    mixed.clock.pass_(hours=24)
    mixed.sweep()
    without = mixed.study(STUDY).state
    (row,) = mixed.receive([images()[3]])
    mixed.sweep()
    mixed.analyse(row)
    mixed.clock.pass_(hours=24)
    report_again(mixed)

    assert without is StudyState.OPEN
    assert mixed.study(STUDY).state is StudyState.REPORTED


def test_an_image_that_waits_for_its_analysis_is_left_alone(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    node = working_node(tmp_path / "storage", database)
    node.receive([wrong_image()])

    result = reject(database_url)

    assert result.exit_code == 1
    assert "RECEIVED: wait for its analysis" in str(result.exception)
    assert node.events("instance_rejected") == []


@pytest.mark.parametrize(
    ("uid", "says"), [("1.2.3", "no image 1.2.3"), (WRONG, "is set aside already")]
)
def test_an_image_that_is_not_there_or_set_aside_already_changes_nothing(
    mixed: WorkingNode, database_url: str, uid: str, says: str
) -> None:
    reject(database_url)

    result = reject(database_url, uid)

    assert result.exit_code == 1
    assert says in str(result.exception)
    assert len(mixed.events("instance_rejected")) == 1


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001])
def test_a_reason_is_wanted(mixed: WorkingNode, database_url: str, reason: str) -> None:
    result = run(database_url, "reject", WRONG, "--reason", reason)

    assert result.exit_code == 2
    assert "1 to 1000 characters" in result.stderr
    assert mixed.events("instance_rejected") == []


@pytest.mark.usefixtures("mixed")
def test_images_are_listed_newest_first_and_by_state(database_url: str) -> None:
    told = json.loads(reject(database_url, WRONG, "--json").stdout)
    everything = json.loads(run(database_url, "list", "--json").stdout)
    rejected = json.loads(run(database_url, "list", "--state", "REJECTED", "--json").stdout)

    assert told == {"sop_instance_uid": WRONG, "study_instance_uid": STUDY}
    assert [image["sop_instance_uid"] for image in everything] == [
        WRONG,
        *(str(image.SOPInstanceUID) for image in reversed(images()[:3])),
    ]
    (image,) = rejected
    assert (image["sop_instance_uid"], image["study_instance_uid"]) == (WRONG, STUDY)
    assert (image["reason"], image["detail"]) == ("SET_ASIDE", "worklist mix-up")
    table = run(database_url, "list", "--limit", "1").stdout
    assert WRONG in table
    assert "SET_ASIDE" in table
    assert str(images()[0].SOPInstanceUID) not in table
