"""`mgnode studies show` tells an administrator what is missing, in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from config.sending import Destination
from node.cli.app import app
from node.dicom.reasons import Reason, Refusal
from tests.factories import four_view_study, stable_uid
from tests.refusing import refuse
from tests.servers import free_port
from tests.working_node import WorkingNode

# test_looking_in.py runs the same statements on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

STUDY = stable_uid("another study")
LOST = stable_uid("lost")


def images() -> Any:
    return four_view_study(study_instance_uid=STUDY)


def show(database_url: str, *arguments: str) -> Result:
    environ = {"MGNODE_DATABASE__URL": database_url}
    return CliRunner().invoke(app, ["studies", "show", STUDY, *arguments], env=environ)


def told(database_url: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(show(database_url, "--json").stdout)
    return facts


def test_refused_images_stand_with_status_words_and_whether_they_came(
    node: WorkingNode, database_url: str
) -> None:
    *first, late = images()
    refuse(node, LOST, study=STUDY)
    refuse(node, str(late.SOPInstanceUID), study=STUDY)
    node.report(node.complete([*first, late]))

    refused = told(database_url)["refused"]
    page = show(database_url).stdout

    assert [(row["sop_instance_uid"], row["is_stored"]) for row in refused] == [
        (LOST, False),
        (str(late.SOPInstanceUID), True),
    ]
    assert (refused[0]["status"], refused[0]["calling_ae"]) == ("0xC000", "MODALITY")
    assert refused[0]["words"] == Refusal.DAMAGED.text
    assert "4 of 4 images analysed, 4 boxes; 1 more refused that never came" in page
    assert "as its sender was told" in page


def test_each_image_that_was_not_analysed_has_its_reason_in_words(
    node: WorkingNode, database_url: str
) -> None:
    first, second, *others = images()
    second.BodyPartExamined = "PHANTOM"
    node.report(node.complete([first, second]))
    node.receive(others)

    words = [image["words"] for image in told(database_url)["instances"]]

    assert words[1] == Reason.QUALITY_CONTROL.text
    assert words[2].startswith("Waits for dispatch")
    assert Reason.QUALITY_CONTROL.text in show(database_url).stdout


def test_a_report_that_was_superseded_names_the_one_that_took_its_place(
    node: WorkingNode, database_url: str
) -> None:
    *first, late = images()
    node.report(node.complete(first))
    node.report(node.complete([late]))

    by_kind: dict[str, list[Any]] = {}
    for row in told(database_url)["results"]:
        by_kind.setdefault(row["kind"], []).append(row["superseded_by"])

    assert by_kind["measurement_report"] == [2, None]
    assert by_kind["cad_sr"] == [2, None]
    assert by_kind["overlay"] == [None] * 4, "an overlay of one image is not another's"


def test_deliveries_are_counted_by_destination_and_each_says_what_became_of_it(
    node: WorkingNode, database_url: str
) -> None:
    nobody = Destination(ae_title="NOBODY", host="127.0.0.1", port=free_port())
    sender = node.with_settings(destinations={"pacs": nobody.model_dump()})
    sender.report(sender.complete(images()))

    waiting = told(database_url)
    sender.deliver()
    tried = told(database_url)

    number = len(waiting["results"])
    assert waiting["deliveries"] == {"pacs": {"PENDING": number}}
    assert {row["words"] for row in waiting["results"]} == {"Waits to be sent."}
    assert all(row["words"].startswith("Attempt 1 failed: ") for row in tried["results"])
    assert f"pacs: {number} PENDING" in show(database_url).stdout


def test_results_without_a_destination_are_said_to_go_nowhere(
    node: WorkingNode, database_url: str
) -> None:
    node.report(node.complete(images()))

    assert {row["words"] for row in told(database_url)["results"]} == {
        "Sent nowhere: no destination is due it."
    }


def test_a_study_of_which_every_image_was_refused_is_said_to_be_one(
    node: WorkingNode, database_url: str
) -> None:
    refuse(node, LOST, study=STUDY)

    result = show(database_url)

    assert result.exit_code == 1
    assert f"nothing of study {STUDY} is stored: its images were refused" in result.stderr
