"""Sending found files to a real Storage SCP, one association for each study."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.sending import Destination, ScuSettings
from node.demo.pacs import ReceivingPacs
from node.scu.batch import SentObject, find_objects, send_objects
from node.scu.outcome import Outcome
from tests.factories import four_view_study, save_to_folder
from tests.servers import free_port

SCU = ScuSettings(ae_title="SENDER", connection_timeout_seconds=5.0)


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[ReceivingPacs]:
    with ReceivingPacs(tmp_path / "pacs") as running:
        yield running


def test_every_file_of_every_study_arrives_and_is_told_as_it_goes(
    pacs: ReceivingPacs, tmp_path: Path
) -> None:
    save_to_folder(four_view_study(patient_id="A"), tmp_path / "sent")
    save_to_folder(four_view_study(patient_id="B"), tmp_path / "sent")
    objects = find_objects([tmp_path / "sent"]).objects
    told: list[SentObject] = []

    sent = send_objects(objects, pacs.destination, SCU, on_sent=told.append)

    assert told == sent
    assert [item.outcome for item in sent] == [Outcome.DELIVERED] * 8
    assert {item.status for item in sent} == {0x0000}
    assert {item.sop_instance_uid for item in pacs.received} == {
        item.sop_instance_uid for item in objects
    }
    assert {item.calling_ae for item in pacs.received} == {"SENDER"}


def test_a_study_goes_as_one_run_however_its_files_were_mixed(
    pacs: ReceivingPacs, tmp_path: Path
) -> None:
    first = save_to_folder(four_view_study(patient_id="A"), tmp_path / "sent")
    second = save_to_folder(four_view_study(patient_id="B"), tmp_path / "sent")
    mixed = [path for pair in zip(first, second, strict=True) for path in pair]

    sent = send_objects(find_objects(mixed).objects, pacs.destination, SCU)

    studies = [item.found.study_instance_uid for item in sent]
    assert studies == sorted(studies)
    assert {item.found.path for item in sent} == set(mixed)


def test_a_peer_that_is_not_there_leaves_every_file_to_be_tried_again(tmp_path: Path) -> None:
    paths = save_to_folder(four_view_study(), tmp_path)
    nobody = Destination(ae_title="NOBODY", host="127.0.0.1", port=free_port())

    sent = send_objects(find_objects(paths).objects, nobody, SCU)

    assert [(item.outcome, item.status) for item in sent] == [(Outcome.RETRY, None)] * 4
    assert all(item.detail for item in sent)


def test_a_file_that_vanished_does_not_stop_the_others(pacs: ReceivingPacs, tmp_path: Path) -> None:
    paths = save_to_folder(four_view_study(), tmp_path / "sent")
    objects = find_objects(paths).objects
    paths[1].unlink()

    sent = send_objects(objects, pacs.destination, SCU)

    outcomes = {item.found.path: item.outcome for item in sent}
    assert outcomes.pop(paths[1]) is Outcome.REFUSED
    assert set(outcomes.values()) == {Outcome.DELIVERED}
    assert len(pacs.received) == 3
