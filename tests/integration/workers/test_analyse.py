"""The analysis step on real rows and files: findings, refusals, failures and lost leases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from sqlalchemy import func, select

from models.detector import Detection
from node.db.tables import Analysis, FindingRow
from node.dicom.pixels import to_grey
from node.errors import UnreadablePixels
from node.states import InstanceState, StudyState
from tests.factories import COLUMNS, ROWS, make_mammogram
from tests.working_node import BOX, WorkingNode


def fail(_: object) -> None:
    raise MemoryError


def findings(node: WorkingNode) -> list[FindingRow]:
    with node.database.read() as session:
        return list(session.scalars(select(FindingRow).order_by(FindingRow.rank)))


def queued(node: WorkingNode, **attributes: Any) -> int:
    (row,) = node.receive([make_mammogram(**attributes)])
    node.sweep()
    return row


def test_the_detector_sees_the_stored_picture_and_its_boxes_are_kept(node: WorkingNode) -> None:
    seen: list[NDArray[np.uint8]] = []
    node.detector.look = seen.append
    row = queued(node)

    node.analyse(row)

    dataset = dcmread(node.layout.absolute(node.instance(row).path))
    assert [picture.tolist() for picture in seen] == [to_grey(dataset).tolist()]
    (found,) = findings(node)
    assert (found.x0, found.y0, found.x1, found.y1, found.score, found.rank) == (
        BOX.x0,
        BOX.y0,
        BOX.x1,
        BOX.y1,
        BOX.score,
        1,
    )
    assert node.instance(row).state is InstanceState.ANALYSED


def test_boxes_are_clipped_to_the_image_ranked_and_dropped_when_nothing_is_left(
    node: WorkingNode,
) -> None:
    node.detector.boxes = (
        Detection(x0=-5, y0=-5, x1=10, y1=ROWS + 9, score=0.4),
        Detection(x0=COLUMNS, y0=5, x1=COLUMNS + 8, y1=9, score=0.9),
        Detection(x0=20, y0=30, x1=40, y1=50, score=0.6),
    )

    node.analyse(queued(node))

    assert [(f.rank, f.score, f.x0, f.y0, f.x1, f.y1) for f in findings(node)] == [
        (1, 0.6, 20, 30, 40, 50),
        (2, 0.4, 0, 0, 10, ROWS),
    ]


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"PresentationIntentType": "FOR PROCESSING"}, "FOR_PROCESSING"),
        ({"BodyPartExamined": "PHANTOM"}, "QUALITY_CONTROL"),
        ({"PixelData": b"\0" * 100}, "UNREADABLE_PIXELS"),
        ({"Manufacturer": "mgnode", "ManufacturerModelName": "mgnode"}, "OWN_OBJECT"),
        ({"PatientID": ""}, "MISSING_IDENTITY"),
    ],
)
def test_an_image_that_is_not_ours_to_analyse_is_rejected_once_with_its_reason(
    node: WorkingNode, attributes: dict[str, Any], reason: str
) -> None:
    row = queued(node, **attributes)

    node.analyse(row, row)

    instance = node.instance(row)
    assert (instance.state, instance.reason, instance.attempts) == (
        InstanceState.REJECTED,
        reason,
        1,
    )
    assert [event.reason for event in node.events("instance_rejected")] == [reason]


def _lose_the_file(node: WorkingNode, row: int) -> None:
    node.layout.absolute(node.instance(row).path).unlink()


def _lose_the_memory(node: WorkingNode, _: int) -> None:
    node.detector.look = fail


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [(_lose_the_file, "FileNotFoundError"), (_lose_the_memory, "MemoryError")],
)
def test_a_failure_is_counted_put_off_and_given_up_at_the_last_attempt(
    node: WorkingNode, trouble: Callable[[WorkingNode, int], None], kind: str
) -> None:
    node = node.with_settings(analysis={"max_attempts": 3})
    row = queued(node)
    trouble(node, row)
    pauses = []
    for attempt in (1, 2):
        node.analyse(row)
        instance = node.instance(row)
        assert (instance.state, instance.attempts, instance.reason) == (
            InstanceState.QUEUED,
            attempt,
            kind,
        )
        assert instance.not_before is not None
        assert instance.lease_until is None
        pauses.append(instance.not_before - node.clock())
        node.clock.now = instance.not_before

    node.analyse(row)

    assert (node.instance(row).state, node.instance(row).attempts) == (InstanceState.FAILED, 3)
    assert timedelta(seconds=3) < pauses[0] < pauses[1]
    assert len(node.events("instance_retry")) == 2
    assert len(node.events("instance_failed")) == 1
    assert node.audit_problem() is None


def test_a_message_that_comes_before_the_pause_is_over_is_dropped(node: WorkingNode) -> None:
    node.detector.look = fail
    row = queued(node)
    node.analyse(row)

    node.analyse(row)

    assert node.instance(row).attempts == 1


def test_a_message_about_an_image_in_work_or_done_changes_nothing(node: WorkingNode) -> None:
    row = queued(node)
    node.detector.look = lambda _: node.analyse(row)

    node.analyse(row, row, row + 1000)

    assert len(node.events("instance_claimed")) == 1
    assert len(findings(node)) == 1


def _take_back(node: WorkingNode, row: int) -> None:
    """Let the lease end and another worker finish the image first."""
    node.clock.pass_(seconds=node.runtime.settings.analysis.lease_seconds + 1)
    node.sweep()
    node.detector.look = lambda _: None
    node.analyse(row)


@pytest.mark.parametrize("ending", ["finds", "fails", "refuses"])
def test_a_worker_that_lost_its_lease_records_nothing_however_it_ends(
    node: WorkingNode, ending: str
) -> None:
    row = queued(node)

    def outlive_the_lease(_: object) -> None:
        _take_back(node, row)
        node.detector.boxes = ()
        if ending == "fails":
            raise MemoryError
        if ending == "refuses":
            raise UnreadablePixels("1.2.3", "late")

    node.detector.look = outlive_the_lease

    node.analyse(row)

    instance = node.instance(row)
    assert (instance.state, instance.attempts) == (InstanceState.ANALYSED, 2)
    with node.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Analysis)) == 1
    assert len(findings(node)) == 1
    ends = node.events("instance_analysed", "instance_failed", "instance_retry")
    assert [event.event for event in ends] == ["instance_analysed"]


def test_a_study_waits_for_an_image_that_is_put_off(node: WorkingNode) -> None:
    node.detector.look = fail
    row = queued(node)
    node.analyse(row)
    node.clock.pass_(seconds=node.runtime.settings.study.quiet_seconds + 1)

    node.sweep()

    assert node.study(str(make_mammogram().StudyInstanceUID)).state is StudyState.OPEN
