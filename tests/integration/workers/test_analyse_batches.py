"""Several images in one task: each has one claim, one end, and nothing of its neighbours'."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Thread
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import FileDataset, dcmread

from models.detector import Detector
from node.db.session import Database
from node.dicom.pixels import to_grey
from node.states import InstanceState
from tests import tiny_network
from tests.factories import four_view_study, make_mammogram, stable_uid
from tests.working_node import ScriptedDetector, WorkingNode, working_node
from workers.analyse import analyse_instance
from workers.detectors import Detectors
from workers.gpu import batch_size

REPOSITORY = Path(__file__).resolve().parents[3]

Picture = NDArray[np.uint8]


class Counting(ScriptedDetector):
    """Notes how many images it was given at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def detect_many(self, images, *, score_threshold, max_boxes):  # type: ignore[no-untyped-def]
        self.sizes.append(len(images))
        return super().detect_many(images, score_threshold=score_threshold, max_boxes=max_boxes)


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    node = working_node(tmp_path / "storage", database, detector={"batch_size": 4})
    node.detector = Counting()
    return node


def sizes(node: WorkingNode) -> list[int]:
    assert isinstance(node.detector, Counting)
    return node.detector.sizes


def study(name: str) -> list[FileDataset]:
    """Make four images; no picture is like another."""
    images = four_view_study(study_instance_uid=stable_uid(name), patient_id=name)
    for number, image in enumerate(images):
        image.WindowCenter = str(1000 + 100 * number + len(name))
    return images


def queued(node: WorkingNode, *images: FileDataset) -> list[int]:
    rows = []
    for image in images:
        rows += node.receive([image])
        node.clock.pass_(seconds=1)
    node.sweep()
    return rows


def states(node: WorkingNode, rows: list[int]) -> list[InstanceState]:
    return [node.instance(row).state for row in rows]


def picture(node: WorkingNode, row: int) -> Picture:
    return to_grey(dcmread(node.layout.absolute(node.instance(row).path)))


def fail_at(poison: Picture) -> Callable[[Picture], None]:
    def look(seen: Picture) -> None:
        if np.array_equal(seen, poison):
            raise MemoryError

    return look


def test_one_task_takes_its_study_first_and_then_the_oldest(node: WorkingNode) -> None:
    first = queued(node, *study("first"))
    second = queued(node, *study("second"))

    node.analyse(second[2])

    assert states(node, second) == [InstanceState.ANALYSED] * 4
    assert states(node, first) == [InstanceState.QUEUED] * 4
    node = node.with_settings(detector={"batch_size": 3})
    third = queued(node, *study("3")[:1])
    node.analyse(third[0])
    assert states(node, third + first) == [InstanceState.ANALYSED] * 3 + [InstanceState.QUEUED] * 2
    assert sizes(node) == [4, 3]


def test_messages_about_images_that_went_with_another_find_nothing_to_do(node: WorkingNode) -> None:
    rows = queued(node, *study("study"))

    node.analyse(*rows, *rows)

    assert sizes(node) == [4]
    claims = node.events("instance_claimed")
    assert sorted(event.entity_id for event in claims) == sorted(rows)
    assert len(node.events("instance_analysed")) == 4
    assert node.audit_problem() is None


def test_each_image_keeps_its_own_boxes(node: WorkingNode) -> None:
    """With a network: what each image gives alone is what it gives among others."""
    detector = Detector(tiny_network.SPEC, tiny_network.build(), "0" * 64)
    settings = {"score_threshold": 0.06, "max_boxes": 20}
    images = study("study")
    images += [make_mammogram(rows=801, columns=90, patient_id="tall")]
    alone = node.with_settings(detector={**settings, "batch_size": 1})
    rows = queued(node, *images)
    together = node.with_settings(detector={**settings, "batch_size": 8})

    analyse_instance(together.runtime, Detectors(together.runtime.settings, detector), rows[0])

    assert states(node, rows) == [InstanceState.ANALYSED] * 5
    assert sum(len(node.boxes(row)) for row in rows) > 5
    for row in rows:
        (found,) = detector.detect_many([picture(alone, row)], score_threshold=0.06, max_boxes=20)
        kept = node.boxes(row)
        assert len(kept) == len(found.boxes)
        for ours, theirs in zip(kept, found.boxes, strict=True):
            assert ours.score == pytest.approx(theirs.score, abs=2e-4)
            assert ours.x0 == pytest.approx(theirs.x0, abs=0.5)
            assert ours.y1 == pytest.approx(theirs.y1, abs=0.5)


def test_an_image_that_fails_costs_its_neighbours_nothing(node: WorkingNode) -> None:
    rows = queued(node, *study("study"))
    node.detector.look = fail_at(picture(node, rows[1]))

    node.analyse(rows[0])

    good = [row for row in rows if row != rows[1]]
    assert states(node, good) == [InstanceState.ANALYSED] * 3
    assert [node.instance(row).attempts for row in rows] == [1] * 4
    assert node.instance(rows[1]).state is InstanceState.QUEUED
    assert node.instance(rows[1]).reason == "MemoryError"
    assert len(node.events("instance_retry")) == 1
    assert sizes(node) == [4, 1, 1, 1, 1]


def test_an_image_that_is_not_ours_is_rejected_and_the_others_are_analysed(
    node: WorkingNode,
) -> None:
    images = study("study")
    images[2].BodyPartExamined = "PHANTOM"
    images[3].PixelData = b"\0" * 100
    rows = queued(node, *images)

    node.analyse(rows[0])

    assert states(node, rows) == [InstanceState.ANALYSED] * 2 + [InstanceState.REJECTED] * 2
    assert [node.instance(row).reason for row in rows[2:]] == [
        "QUALITY_CONTROL",
        "UNREADABLE_PIXELS",
    ]
    assert sizes(node) == [2]


def test_an_image_that_was_tried_before_is_analysed_alone(node: WorkingNode) -> None:
    """One that ends its worker would else use up the attempts of all that go with it."""
    tried, *others = queued(node, *study("study"))
    node.detector.look = fail_at(picture(node, tried))
    node.with_settings(detector={"batch_size": 1}).analyse(tried)
    node.clock.pass_(minutes=5)

    node.analyse(others[0])
    assert node.instance(tried).attempts == 1
    more = queued(node, *study("more"))
    node.analyse(tried)

    assert node.instance(tried).attempts == 2
    assert states(node, others) == [InstanceState.ANALYSED] * 3
    assert states(node, more) == [InstanceState.QUEUED] * 4
    assert sizes(node) == [1, 3, 1]


def test_a_lost_lease_of_one_image_is_not_the_others_loss(node: WorkingNode) -> None:
    rows = queued(node, *study("study"))

    def another_worker_finishes_one(_: Picture) -> None:
        node.detector.look = lambda _: None
        node.clock.pass_(seconds=node.runtime.settings.analysis.lease_seconds + 1)
        node.sweep()
        node.with_settings(detector={"batch_size": 1}).analyse(rows[0])

    node.detector.look = another_worker_finishes_one

    node.analyse(rows[0])

    node.analyse(*rows)
    assert states(node, rows) == [InstanceState.ANALYSED] * 4
    assert len(node.events("instance_analysed")) == 4
    assert [node.instance(row).attempts for row in rows] == [2] * 4


DYING_WORKER = """
import os, signal, sys
from pathlib import Path
from node.db.session import Database
from tests.working_node import working_node
database = Database(sys.argv[1])
node = working_node(Path(sys.argv[2]), database, detector={"batch_size": 4})
seen = []
def look(picture):
    seen.append(picture)
    if len(seen) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
node.detector.look = look
node.clock.pass_(minutes=1)
node.analyse(int(sys.argv[3]))
"""


def test_a_worker_killed_amid_a_batch_loses_none_of_it(
    node: WorkingNode, database_url: str
) -> None:
    rows = queued(node, *study("study"))
    arguments = [database_url, str(node.runtime.settings.storage.root), str(rows[0])]

    worker = subprocess.run(
        [sys.executable, "-c", DYING_WORKER, *arguments], cwd=REPOSITORY, timeout=120
    )

    assert worker.returncode == -9
    assert states(node, rows) == [InstanceState.ANALYSING] * 4
    node.clock.pass_(minutes=1, seconds=node.runtime.settings.analysis.lease_seconds + 1)
    node.sweep()
    assert states(node, rows) == [InstanceState.QUEUED] * 4
    node.analyse(*rows)
    assert states(node, rows) == [InstanceState.ANALYSED] * 4
    # Whichever image ended the worker, it would now end it alone.
    assert sizes(node) == [1, 1, 1, 1]
    assert node.audit_problem() is None


def test_two_workers_at_once_analyse_each_image_once(node: WorkingNode) -> None:
    rows = queued(node, *study("one"), *study("two"))
    begin = Barrier(2)

    def work(messages: list[int]) -> None:
        begin.wait(timeout=30)
        node.analyse(*messages)

    threads = [Thread(target=work, args=(order,)) for order in (rows, rows[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)

    assert states(node, rows) == [InstanceState.ANALYSED] * 8
    ends = Counter(event.entity_id for event in node.events("instance_analysed"))
    assert ends == dict.fromkeys(rows, 1)
    assert node.audit_problem() is None


@pytest.mark.parametrize(
    ("setting", "device", "expected"),
    [(0, "cpu:0", 1), (0, "gpu:0", 8), (0, "cuda:0", 8), (3, "cpu:0", 3), (1, "gpu:0", 1)],
)
def test_a_gpu_gets_several_images_and_a_cpu_one_unless_a_setting_says_so(
    node: WorkingNode, setting: int, device: str, expected: int
) -> None:
    node = node.with_settings(detector={"batch_size": setting})
    node.detector.device = device

    assert batch_size(node.runtime.settings, cast(Detector, node.detector)) == expected
