"""The retention policy removes files when all is done, never before, and says so."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from node.db import retention as policy_rows
from node.db.analysis import replay_instance
from node.db.assurance import Discrepancy
from node.db.session import Database
from node.db.studies import reopen_study
from node.db.tables import Delivery, Instance, Study
from node.dispatch.retention import Retention
from node.states import DeliveryState, InstanceState, StudyState
from tests.committing_pacs import CommittingPacs
from tests.confirming import ask, delivered
from tests.factories import make_mammogram
from tests.working_node import WorkingNode

DAYS = 30
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
KEEP = {"images_days": DAYS, "results_days": 2 * DAYS, "quarantine_days": 3 * DAYS}


@pytest.fixture
def pacs() -> Iterator[CommittingPacs]:
    with CommittingPacs() as pacs:
        yield pacs


@pytest.fixture
def node(database: Database, tmp_path: Path, pacs: CommittingPacs) -> WorkingNode:
    """A node that has just delivered a report and an overlay of one image."""
    return delivered(database, tmp_path, pacs, "none").with_settings(retention=KEEP)


def clean(node: WorkingNode) -> int:
    """Let a dispatch process that has just started remove all that is due; count files left."""
    retention = Retention(node.runtime.settings, node.database, actor="dispatch")
    while retention.step(at=node.clock()):
        pass
    return len(files(node))


def files(node: WorkingNode) -> list[Path]:
    found = [
        *node.layout.instances.rglob("*.dcm"),
        *node.layout.results.rglob("*.dcm"),
        *node.layout.quarantine.rglob("*.dcm"),
    ]
    return sorted(found)


def images(node: WorkingNode) -> list[Instance]:
    with node.database.read() as session:
        return list(session.scalars(select(Instance).order_by(Instance.id)))


@on_sqlite
def test_files_stay_for_ever_unless_somebody_says_how_long(node: WorkingNode) -> None:
    node = node.with_settings(retention={})
    node.clock.pass_(days=36500)

    assert clean(node) == 3


def test_images_and_results_go_when_their_days_are_over_and_the_audit_log_names_each(
    node: WorkingNode,
) -> None:
    node.clock.pass_(days=DAYS - 1)
    assert clean(node) == 3
    node.clock.pass_(days=1)
    assert clean(node) == 2
    (image,) = images(node)
    assert image.removed_at == node.clock()
    (event,) = node.events("instance_removed")
    assert (event.uid, event.details["path"]) == (image.sop_instance_uid, image.path)
    assert not node.layout.absolute(image.path).exists()

    node.clock.pass_(days=DAYS)
    assert clean(node) == 0
    removed = {event.uid for event in node.events("result_removed")}
    assert removed == {row.sop_instance_uid for row in node.results()}
    assert all(row.removed_at == node.clock() for row in node.results())
    assert clean(node) == 0
    assert len(node.events("instance_removed", "result_removed")) == 3
    assert node.audit_problem() is None


def failed_image(node: WorkingNode) -> None:
    change(node, Instance, state=InstanceState.FAILED)


def opened_again(node: WorkingNode) -> None:
    with node.database.begin() as session:
        study = session.scalars(select(Study)).one()
        reopen_study(session, study, at=node.clock(), actor="test", reason="LATE_IMAGE")


def put_back(node: WorkingNode) -> None:
    failed_image(node)
    with node.database.begin() as session:
        image = session.scalars(select(Instance)).one()
        replay_instance(session, image, at=node.clock(), actor="test")


def in_doubt(node: WorkingNode) -> None:
    with node.database.begin() as session:
        study = session.scalars(select(Study)).one()
        row = Discrepancy(
            kind="FILE_DAMAGED",
            subject="results/x",
            study_instance_uid=study.study_instance_uid,
            found_at=node.clock(),
            seen_at=node.clock(),
        )
        session.add(row)


def change(node: WorkingNode, kind: type[Instance | Delivery], **values: object) -> None:
    """Make rows that another way would take a test of its own to come to."""
    with node.database.begin() as session:
        session.execute(update(kind).values(**values))


@on_sqlite
@pytest.mark.parametrize(
    "spoil",
    [
        failed_image,
        lambda node: change(node, Delivery, state=DeliveryState.PENDING),
        lambda node: change(node, Delivery, state=DeliveryState.FAILED),
        lambda node: change(node, Delivery, alarmed_at=node.clock()),
        opened_again,
        put_back,
        in_doubt,
    ],
)
def test_nothing_goes_while_anything_about_the_study_is_open(
    node: WorkingNode, spoil: Callable[[WorkingNode], None]
) -> None:
    spoil(node)
    node.clock.pass_(days=36500)

    assert clean(node) == 3
    assert node.events("instance_removed", "result_removed") == []


def test_nothing_goes_before_a_destination_that_is_asked_has_confirmed(
    database: Database, tmp_path: Path, pacs: CommittingPacs
) -> None:
    node = delivered(database, tmp_path, pacs, "query").with_settings(retention=KEEP)
    node.clock.pass_(days=DAYS)
    assert clean(node) == 3

    assert ask(node) == 2
    assert set(node.delivery_states()) == {DeliveryState.CONFIRMED}
    assert clean(node) == 3, "the days count from the confirmation"
    node.clock.pass_(days=DAYS)
    assert clean(node) == 2


@on_sqlite
def test_a_study_whose_results_are_due_nowhere_keeps_its_images(
    database: Database, tmp_path: Path, pacs: CommittingPacs
) -> None:
    node = delivered(database, tmp_path, pacs, "none").with_settings(
        retention=KEEP, destinations={}
    )
    node.report(node.complete([make_mammogram(study_instance_uid="2.25.7")]))
    before = len(files(node))
    node.clock.pass_(days=36500)

    assert clean(node) == before, "no destination is known to need no confirmation"


@on_sqlite
def test_a_file_that_a_killed_process_left_is_removed_by_the_next(node: WorkingNode) -> None:
    node.clock.pass_(days=DAYS)
    (image,) = images(node)
    (policy, _) = Retention(node.runtime.settings, node.database, actor="killed").policies
    with node.database.begin() as session:
        assert policy_rows.record_removed(
            session, policy, image.id, at=node.clock(), actor="killed"
        )
    assert len(files(node)) == 3

    assert clean(node) == 2
    assert len(node.events("instance_removed")) == 1


@on_sqlite
def test_bytes_that_come_again_after_their_removal_are_stored_again_and_kept_as_long(
    node: WorkingNode,
) -> None:
    node.clock.pass_(days=DAYS)
    assert clean(node) == 2

    node.receive([make_mammogram()])

    (image,) = images(node)
    assert image.removed_at is None
    assert node.layout.absolute(image.path).exists()
    assert [event.uid for event in node.events("instance_restored")] == [image.sop_instance_uid]
    assert node.study(str(make_mammogram().StudyInstanceUID)).state is StudyState.REPORTED
    node.clock.pass_(days=DAYS - 1)
    assert clean(node) == 3
    node.clock.pass_(days=1)
    assert clean(node) == 2


def test_bytes_that_come_again_between_the_row_and_the_file_stay(node: WorkingNode) -> None:
    node.clock.pass_(days=DAYS)
    retention = Retention(node.runtime.settings, node.database, actor="dispatch")
    policy = retention.policies[0]
    (image,) = images(node)
    with node.database.read() as session:
        (file,) = policy_rows.due_files(session, policy, [image.study_id], at=node.clock())
    with node.database.begin() as session:
        policy_rows.record_removed(session, policy, image.id, at=node.clock(), actor="dispatch")

    node.receive([make_mammogram()])
    retention._unlink(Instance, file)

    assert node.layout.absolute(image.path).exists()


def test_a_late_image_stops_a_study_whose_images_are_gone_until_they_come_again(
    node: WorkingNode,
) -> None:
    node.clock.pass_(days=DAYS)
    assert clean(node) == 2
    late = make_mammogram(laterality="L", view="MLO", sop_instance_uid="2.25.99")
    study = node.complete([late])

    node.report(study)

    row = node.study(str(late.StudyInstanceUID))
    assert (row.state, row.reason) == (StudyState.FAILED, policy_rows.IMAGES_REMOVED)
    assert node.results(generation=2) == []

    node.receive([make_mammogram()])
    node.clock.pass_(seconds=node.runtime.settings.study.quiet_seconds)
    node.sweep()
    node.report(study)
    assert node.study(str(late.StudyInstanceUID)).state is StudyState.REPORTED
    assert node.results(generation=2) != []


@on_sqlite
def test_a_removed_result_is_not_sent_and_the_row_says_why(node: WorkingNode) -> None:
    node.clock.pass_(days=2 * DAYS)
    clean(node)
    change(node, Delivery, state=DeliveryState.PENDING, published_at=None)

    node.deliver()

    assert set(node.delivery_states()) == {DeliveryState.FAILED}
    assert {row.last_error.split(":")[0] for row in node.deliveries()} == {"RESULT_FILE_REMOVED"}


@on_sqlite
def test_quarantined_data_sets_go_by_their_age_and_the_audit_log_names_each(
    node: WorkingNode,
) -> None:
    for name, days in (("old", 3 * DAYS), ("young", 1)):
        path = node.layout.quarantine / f"{name}.dcm"
        path.write_bytes(b"refused")
        came_at = (node.clock() - timedelta(days=days)).timestamp()
        os.utime(path, (came_at, came_at))

    clean(node)

    assert [path.name for path in node.layout.quarantine.iterdir()] == ["young.dcm"]
    (event,) = node.events("quarantine_removed")
    assert (event.details["path"], event.details["bytes"]) == ("quarantine/old.dcm", 7)


@on_sqlite
def test_a_file_that_cannot_be_removed_holds_up_nothing_and_goes_later(node: WorkingNode) -> None:
    node.clock.pass_(days=DAYS)
    (image,) = images(node)
    path = node.layout.absolute(image.path)
    path.unlink()
    path.mkdir()

    retention = Retention(node.runtime.settings, node.database, actor="dispatch")
    steps = [retention.step(at=node.clock()) for _ in range(3)]
    assert steps[-1] is False
    path.rmdir()
    path.write_bytes(b"")
    assert clean(node) == 2
