"""`mgnode studies`, `mgnode audit` and `mgnode retry` on the rows of a real run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import text
from typer.testing import CliRunner

from config.sending import Destination
from node.cli.app import app
from node.db import audit
from node.db.session import Database
from node.states import DeliveryState
from tests.factories import four_view_study, stable_uid
from tests.hostile_text import ESCAPES, steers
from tests.servers import free_port
from tests.working_node import WorkingNode

STUDY = str(four_view_study()[0].StudyInstanceUID)


def run(database_url: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"MGNODE_DATABASE__URL": database_url})


def told(database_url: str, *arguments: str) -> Any:
    """Run with --json; give what was printed."""
    result = run(database_url, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_studies_are_listed_with_what_became_of_them(node: WorkingNode, database_url: str) -> None:
    (study,) = told(database_url, "studies", "list")

    assert study["study_instance_uid"] == STUDY
    assert (study["state"], study["images"], study["analysed"], study["results"]) == (
        "REPORTED",
        4,
        3,
        len(node.results()),
    )
    table = run(database_url, "studies", "list").stdout
    assert "REPORTED" in table
    assert "MODALITY" in table


def test_a_list_of_studies_counts_what_was_given_up(node: WorkingNode, database_url: str) -> None:
    nobody = Destination(ae_title="NOBODY", host="127.0.0.1", port=free_port())
    sender = node.with_settings(destinations={"pacs": nobody}, analysis={"max_attempts": 1})
    sender.detector.look = out_of_memory
    sender.report(sender.complete(four_view_study(patient_id="OTHER")))
    node.deliver()
    given_up, well = told(database_url, "studies", "list")

    assert set(node.delivery_states()) == {DeliveryState.FAILED}
    assert (given_up["failed_images"], given_up["failed_deliveries"]) == (
        4,
        len(node.deliveries()),
    )
    assert (well["failed_images"], well["failed_deliveries"]) == (0, 0)
    assert "not sent" in run(database_url, "studies", "list").stdout


def out_of_memory(_: object) -> None:
    raise MemoryError


def test_studies_are_listed_newest_first_and_by_state(node: WorkingNode, database_url: str) -> None:
    node.receive(four_view_study(patient_id="LATER"))

    listed = [study["state"] for study in told(database_url, "studies", "list")]

    assert listed == ["OPEN", "REPORTED"]
    assert len(told(database_url, "studies", "list", "--limit", "1")) == 1
    (only,) = told(database_url, "studies", "list", "--state", "REPORTED")
    assert only["study_instance_uid"] == STUDY


@pytest.mark.usefixtures("node")
def test_a_study_shows_its_images_reasons_results_and_deliveries(database_url: str) -> None:
    study = told(database_url, "studies", "show", STUDY)

    rejected = study["instances"][3]
    assert (rejected["state"], rejected["reason"]) == ("REJECTED", "QUALITY_CONTROL")
    assert [image["boxes"] for image in study["instances"]] == [1, 1, 1, 0]
    assert study["instances"][0]["best_score"] == 0.8125
    assert {result["kind"] for result in study["results"]} == {
        *("cad_sr", "measurement_report", "overlay")
    }
    table = run(database_url, "studies", "show", STUDY).stdout
    assert "QUALITY_CONTROL" in table


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("command", [("studies", "show"), ("retry",)])
def test_a_study_that_is_not_there_is_said_with_status_1(
    command: tuple[str, ...], database_url: str
) -> None:
    result = run(database_url, *command, "1.2.3")

    assert result.exit_code == 1
    assert "no study 1.2.3" in result.stderr


@pytest.mark.usefixtures("node")
def test_retry_wants_one_study_or_all(database_url: str) -> None:
    assert run(database_url, "retry").exit_code == 2
    assert run(database_url, "retry", STUDY, "--all").exit_code == 2
    assert told(database_url, "retry", "--all") == {"images": 0, "reports": 0, "deliveries": 0}


def test_retry_sends_again_what_failed_and_what_waits(node: WorkingNode, database_url: str) -> None:
    nobody = Destination(ae_title="NOBODY", host="127.0.0.1", port=free_port())
    sender = node.with_settings(destinations={"pacs": nobody})
    uid = str(four_view_study(patient_id="OTHER")[0].StudyInstanceUID)
    sender.report(sender.complete(four_view_study(patient_id="OTHER")))
    sender.deliver()
    waiting = [row.not_before for row in node.deliveries()]
    assert told(database_url, "retry", uid)["deliveries"] == len(waiting)
    put_forward = [row.not_before for row in node.deliveries()]
    node.with_settings(destinations={}).deliver()
    failed = node.delivery_states()
    counts = told(database_url, "retry", uid)

    assert None not in waiting
    assert set(put_forward) == {None}
    assert set(failed) == {DeliveryState.FAILED}
    assert counts == {"images": 0, "reports": 0, "deliveries": len(failed)}
    assert set(node.delivery_states()) == {DeliveryState.PENDING}
    assert node.events("delivery_replayed")[0].actor.startswith("mgnode retry by ")


def test_the_audit_log_is_listed_and_narrowed(node: WorkingNode, database_url: str) -> None:
    everything = told(database_url, "audit", "list")
    of_study = told(database_url, "audit", "list", "--uid", STUDY)
    rejected = told(database_url, "audit", "list", "--event", "instance_rejected")

    assert [event["id"] for event in everything] == sorted(e.id for e in node.events())
    assert len(of_study) == len(everything), "every event so far is of this study"
    assert [event["reason"] for event in rejected] == ["QUALITY_CONTROL"]
    assert told(database_url, "audit", "list", "--uid", stable_uid("nobody")) == []
    last = told(database_url, "audit", "list", "--limit", "1")
    assert [event["id"] for event in last] == [everything[-1]["id"]]
    assert "instance_received" in run(database_url, "audit", "list").stdout


def test_one_event_is_shown_with_its_hashes(node: WorkingNode, database_url: str) -> None:
    first = node.events()[0]

    shown = told(database_url, "audit", "show", str(first.id))

    assert (shown["event"], shown["hash"]) == (first.event, first.hash)
    assert first.hash in run(database_url, "audit", "show", str(first.id)).stdout
    assert run(database_url, "audit", "show", "999999").exit_code == 1


def _tamper(database: Database) -> None:
    """Change a row as somebody with the rights of the tables' owner can."""
    with database.begin() as session:
        if session.connection().dialect.name == "postgresql":
            session.execute(text("ALTER TABLE audit_event DISABLE TRIGGER ALL"))
        else:
            names = session.scalars(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            ).all()
            for name in names:
                session.execute(text(f"DROP TRIGGER {name}"))
        session.execute(text("UPDATE audit_event SET reason = 'SPOTLESS' WHERE id = 7"))


def test_a_log_is_checked_against_a_head_that_was_noted(
    node: WorkingNode, database_url: str
) -> None:
    """Whole in itself, and yet not the log that was noted: its end is cut off, or all is new."""
    printed = run(database_url, "audit", "verify").stdout.split("head ")[1].strip()
    number, digest = printed.split(":")
    cut_off = f"{int(number) + 1}:{digest}"
    another = f"{number}:{'f' * 64}"

    assert int(number) == len(node.events())
    assert told(database_url, "audit", "verify", "--head", printed)["problem"] is None
    for head, says in ((cut_off, "beyond the log's end"), (another, "computed anew")):
        result = run(database_url, "audit", "verify", "--head", head)
        assert result.exit_code == 1
        assert says in result.stderr


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("head", ["7", "7:abc", f"0:{'f' * 64}", f"7:{'g' * 64}"])
def test_a_head_that_is_none_is_refused(head: str, database_url: str) -> None:
    result = run(database_url, "audit", "verify", "--head", head)

    assert result.exit_code == 2
    assert "ID:HASH" in result.stderr


def test_a_chain_that_is_whole_verifies_and_a_changed_row_is_found(
    node: WorkingNode, database: Database, database_url: str
) -> None:
    whole = told(database_url, "audit", "verify")
    assert (whole["checked"], whole["problem"]) == (len(node.events()), None)
    assert "the chain is whole" in run(database_url, "audit", "verify").stdout

    _tamper(database)

    result = run(database_url, "audit", "verify")
    assert result.exit_code == 1
    assert "event 7" in result.stderr
    as_json = run(database_url, "audit", "verify", "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["first_bad_id"] == 7


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_a_peer_wrote_does_not_steer_the_terminal(
    node: WorkingNode, database_url: str
) -> None:
    with node.database.begin() as session:
        for text_of_peer in ESCAPES.values():
            last = audit.append(
                session,
                at=node.clock(),
                event="instance_refused",
                actor="scp",
                uid=text_of_peer,
                study_instance_uid=STUDY,
                reason=text_of_peer,
                details={"calling_ae": text_of_peer, "status": "0xC000", "error": "", "path": ""},
            ).id

    for command in (["audit", "list"], ["audit", "show", str(last)], ["studies", "show", STUDY]):
        for form in ([], ["--json"]):
            result = run(database_url, *command, *form)

            assert result.exit_code == 0
            assert not steers(result.output)
