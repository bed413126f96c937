"""`mgnode echo` and `mgnode send` to a real PACS, and to one that is not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from config.sending import Destination
from node.cli.app import app
from node.demo.pacs import ReceivingPacs
from tests.factories import four_view_study, save_to_folder
from tests.servers import free_port


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[ReceivingPacs]:
    with ReceivingPacs(tmp_path / "pacs") as running:
        yield running


def run(destination: Destination, *arguments: str) -> Result:
    """Run a command that knows the destination as ``pacs``."""
    environ = {
        "MGNODE_DESTINATIONS__PACS__AE_TITLE": destination.ae_title,
        "MGNODE_DESTINATIONS__PACS__HOST": str(destination.host),
        "MGNODE_DESTINATIONS__PACS__PORT": str(destination.port),
        "MGNODE_SCP__PORT": str(free_port()),
        "MGNODE_SCU__CONNECTION_TIMEOUT_SECONDS": "2",
    }
    return CliRunner().invoke(app, arguments, env=environ)


def nobody() -> Destination:
    return Destination(ae_title="NOBODY", host="127.0.0.1", port=free_port())


def test_a_pacs_that_answers_is_timed(pacs: ReceivingPacs) -> None:
    result = run(pacs.destination, "echo", "pacs")
    as_json = json.loads(run(pacs.destination, "echo", "pacs", "--json").stdout)

    assert result.exit_code == 0
    assert "answered in" in result.stdout
    assert as_json["answered"]


def test_a_pacs_that_is_down_is_said_with_status_1() -> None:
    result = run(nobody(), "echo", "pacs")
    as_json = run(nobody(), "echo", "pacs", "--json")

    assert (result.exit_code, as_json.exit_code) == (1, 1)
    assert "NOBODY" in result.stderr
    assert json.loads(as_json.stdout)["answered"] is False


@pytest.mark.parametrize("arguments", [("echo", "other"), ("send", ".", "--to", "other")])
def test_a_destination_without_settings_is_status_2_and_the_others_are_named(
    arguments: tuple[str, ...],
) -> None:
    result = run(nobody(), *arguments)

    assert result.exit_code == 2
    assert "pacs, self" in result.stderr


def test_a_folder_is_sent_and_what_is_no_dicom_is_skipped(
    pacs: ReceivingPacs, tmp_path: Path
) -> None:
    paths = save_to_folder(four_view_study(), tmp_path / "sent")
    (tmp_path / "sent" / "notes.txt").write_text("no DICOM")

    result = run(pacs.destination, "send", str(tmp_path / "sent"), "--to", "pacs")
    as_json = json.loads(
        run(pacs.destination, "send", str(tmp_path / "sent"), "--to", "pacs", "--json").stdout
    )

    assert result.exit_code == 0
    assert "4 of 4 sent to pacs; 1 files skipped" in result.stdout
    assert {item["path"] for item in as_json["sent"]} == set(map(str, paths))
    assert [Path(item["path"]).name for item in as_json["skipped"]] == ["notes.txt"]
    assert [item.arrivals for item in pacs.received] == [2] * 4


def test_what_could_not_be_sent_is_named_with_status_1(tmp_path: Path) -> None:
    paths = save_to_folder(four_view_study(), tmp_path / "sent")

    result = run(nobody(), "send", str(tmp_path / "sent"), "--to", "pacs")

    assert result.exit_code == 1
    assert "0 of 4 sent" in result.stdout
    assert all(str(path) in result.stderr for path in paths)


def test_a_folder_without_dicom_is_status_1(pacs: ReceivingPacs, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    result = run(pacs.destination, "send", str(tmp_path / "empty"), "--to", "pacs")

    assert result.exit_code == 1
