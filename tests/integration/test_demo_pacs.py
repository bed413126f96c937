"""The demo's PACS against DCMTK's senders."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from node.demo.pacs import ReceivingPacs
from node.errors import StopError, TransientFailure
from tests.factories import four_view_study, make_mammogram, save_to_folder
from tests.requirements import program

SECONDS = 20.0


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[ReceivingPacs]:
    with ReceivingPacs(tmp_path / "pacs") as running:
        yield running


def store(pacs: ReceivingPacs, *paths: Path) -> int:
    peer = pacs.destination
    return subprocess.run(
        [
            str(program("storescu")),
            "-aec",
            peer.ae_title,
            peer.host,
            str(peer.port),
            *map(str, paths),
        ],
        check=False,
    ).returncode


@pytest.mark.dcmtk
def test_it_answers_echo(pacs: ReceivingPacs) -> None:
    peer = pacs.destination

    ended = subprocess.run(
        [str(program("echoscu")), "-aec", peer.ae_title, peer.host, str(peer.port)], check=False
    )

    assert ended.returncode == 0


@pytest.mark.dcmtk
def test_what_storescu_sends_lies_there_as_the_same_data_set(
    pacs: ReceivingPacs, tmp_path: Path
) -> None:
    sent = save_to_folder(four_view_study(), tmp_path / "sent")

    assert store(pacs, *sent) == 0

    received = pacs.wait_for(lambda objects: len(objects) == 4, timeout_seconds=SECONDS)
    by_uid = {item.sop_instance_uid: dcmread(item.path) for item in received}
    for path in sent:
        image = dcmread(path)
        assert by_uid[str(image.SOPInstanceUID)] == image


@pytest.mark.dcmtk
def test_the_same_object_twice_is_one_object_with_two_arrivals(
    pacs: ReceivingPacs, tmp_path: Path
) -> None:
    (path,) = save_to_folder([make_mammogram()], tmp_path / "sent")

    assert store(pacs, path, path) == 0

    (item,) = pacs.wait_for(
        lambda objects: bool(objects) and objects[0].arrivals == 2, timeout_seconds=SECONDS
    )
    assert list(item.path.parent.iterdir()) == [item.path]


@pytest.mark.dcmtk
def test_a_waiter_in_another_thread_sees_what_arrives(pacs: ReceivingPacs, tmp_path: Path) -> None:
    (path,) = save_to_folder([make_mammogram()], tmp_path / "sent")
    seen: list[int] = []

    def wait() -> None:
        seen.append(len(pacs.wait_for(lambda objects: bool(objects), timeout_seconds=SECONDS)))

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert store(pacs, path) == 0
    waiter.join(SECONDS)

    assert seen == [1]


@pytest.mark.dcmtk
def test_a_uid_never_becomes_a_path(pacs: ReceivingPacs, tmp_path: Path) -> None:
    (path,) = save_to_folder([make_mammogram()], tmp_path / "sent")
    store(pacs, path)

    (item,) = pacs.received

    assert item.sop_instance_uid not in str(item.path)


def test_waiting_ends_at_its_deadline(pacs: ReceivingPacs) -> None:
    started = time.monotonic()

    with pytest.raises(TransientFailure, match=r"after 0\.2 s the PACS holds 0"):
        pacs.wait_for(lambda objects: bool(objects), timeout_seconds=0.2)

    assert 0.2 <= time.monotonic() - started < SECONDS


def test_a_port_in_use_stops_it_with_the_address(pacs: ReceivingPacs, tmp_path: Path) -> None:
    port = pacs.destination.port
    second = ReceivingPacs(tmp_path / "second", port=port)

    with pytest.raises(StopError, match=str(port)), second:
        pytest.fail("two servers listen on one port")


def test_leaving_it_closes_the_port(tmp_path: Path) -> None:
    with ReceivingPacs(tmp_path / "first") as first:
        port = first.destination.port

    with ReceivingPacs(tmp_path / "second", port=port) as second:
        assert second.destination.port == port
