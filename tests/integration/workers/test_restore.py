"""A node is backed up, wrecked and restored: nothing is lost, and nothing is sent twice."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from typer.testing import CliRunner

from node.db.tables import Delivery, Instance
from node.states import DeliveryState
from tests.confirming import ask
from tests.restoring import Site, run
from workers.cli import app

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_after_a_wreck_each_result_is_at_each_destination_exactly_once(
    site: Site, empty_url: str, tmp_path: Path
) -> None:
    site.report("first")
    site.deliver()
    site.report("second")
    site.sign()
    backup = str(tmp_path / "backup")
    taken = json.loads(run("backup", backup, "--json"))
    assert (taken["missing"], taken["files"]) == ([], 2 + 4)

    # The node goes on: the backup does not know what becomes of the second study and the third.
    site.deliver("asked")
    site.report("third")
    site.deliver("asked")
    site.sign()
    lost_results = {row.sop_instance_uid for row in site.node.results()}
    clock = site.node.clock
    site.close()
    shutil.rmtree(site.root)

    site.move(empty_url, "restored")
    restored = json.loads(run("restore", backup, "--json"))
    assert restored["files"] == 6
    assert restored["last_known_at"] > restored["begins_at"].replace(" ", "T")
    verified = json.loads(run("audit", "verify", "--json"))
    assert (verified["problems"], verified["void_heads"]) == ([], 1)
    site.node = site.open()
    site.node.clock.now = clock.now
    assert all(site.root.joinpath(row.path).is_file() for row in site.node.results())

    assert site.states() == {
        ("asked", DeliveryState.DELIVERED),
        ("asked", DeliveryState.PENDING),
        ("unasked", DeliveryState.DELIVERED),
        ("unasked", DeliveryState.PENDING),
    }
    site.deliver()
    site.report("third")
    site.deliver()
    asked = {row.state for row in site.node.deliveries() if row.destination == "asked"}
    assert asked == {DeliveryState.DELIVERED, DeliveryState.CONFIRMED}
    assert len(site.unasked.stored) == 2, "it waits for a person"

    assert "go out again" in run("restore", "--release")
    site.deliver()

    assert sorted(site.asked.stored) == sorted(lost_results)
    assert sorted(site.unasked.stored) == sorted(lost_results)
    assert {row.sop_instance_uid for row in site.node.results()} == lost_results
    names = [event.event for event in site.node.events("node_restored", "deliveries_released")]
    assert names == ["node_restored", "deliveries_released"]
    assert json.loads(run("audit", "verify", "--json"))["problems"] == []


@on_sqlite
def test_what_a_destination_has_not_got_is_sent_while_the_others_are_held(
    site: Site, empty_url: str, tmp_path: Path
) -> None:
    site.report("first")
    run("backup", str(tmp_path / "backup"))
    site.move(empty_url, "restored")
    run("restore", str(tmp_path / "backup"))
    site.node = site.open()

    site.deliver()

    assert (len(site.asked.stored), len(site.unasked.stored)) == (2, 0)
    assert len(site.asked.queries) == 2


@on_sqlite
def test_a_destination_that_does_not_say_what_it_has_gets_nothing(
    site: Site, empty_url: str, tmp_path: Path
) -> None:
    site.report("first")
    run("backup", str(tmp_path / "backup"))
    site.move(empty_url, "restored")
    run("restore", str(tmp_path / "backup"))
    site.node = site.open()
    site.asked.find_status = 0xA700

    site.deliver()

    assert site.asked.stored == []
    assert ("asked", DeliveryState.PENDING) in site.states()


@on_sqlite
def test_an_old_backup_gives_each_delivery_its_whole_time_again(
    site: Site, empty_url: str, tmp_path: Path
) -> None:
    """What was tried for days before the backup is not given up at the first attempt after it."""
    site.report("first")
    with site.node.database.begin() as session:
        session.execute(
            update(Delivery).values(attempts=50, created_at=site.node.clock() - timedelta(days=9))
        )
    run("backup", str(tmp_path / "backup"))
    site.move(empty_url, "restored")
    run("restore", str(tmp_path / "backup"))
    site.node = site.open()
    site.node.clock.now = datetime.now(UTC)
    site.asked.find_status = 0xA700
    site.deliver("asked")
    run("restore", "--release")
    site.unasked.store_status = 0xA700

    site.deliver("unasked")

    assert site.states() == {("asked", DeliveryState.PENDING), ("unasked", DeliveryState.PENDING)}
    assert {row.attempts for row in site.node.deliveries()} == {51}


@on_sqlite
def test_what_awaits_its_confirmation_is_asked_about_before_an_old_backup_raises_alarms(
    site: Site, empty_url: str, tmp_path: Path
) -> None:
    site.report("first")
    site.deliver("asked")
    with site.node.database.begin() as session:
        long_ago = datetime.now(UTC) - timedelta(days=9)
        awaited = update(Delivery).where(Delivery.destination == "asked")
        session.execute(awaited.values(confirm_by=long_ago, confirm_attempts=50))
    run("backup", str(tmp_path / "backup"))
    site.move(empty_url, "restored")
    run("restore", str(tmp_path / "backup"))
    site.node = site.open()
    site.node.clock.now = datetime.now(UTC)
    site.node.sweep()
    ask(site.node)

    assert site.node.events("delivery_unconfirmed") == []
    assert ("asked", DeliveryState.CONFIRMED) in site.states()


@on_sqlite
def test_a_missing_file_is_named_and_the_rest_is_backed_up(site: Site, tmp_path: Path) -> None:
    site.report("first")
    with site.node.database.read() as session:
        image = session.scalars(select(Instance)).one()
    site.node.layout.absolute(image.path).unlink()

    done = CliRunner().invoke(app, ["backup", str(tmp_path / "backup"), "--json"])

    assert done.exit_code == 1
    assert json.loads(done.stdout)["missing"] == [image.path]


@on_sqlite
def test_a_delivery_that_was_on_its_way_at_the_backup_is_asked_about_too(
    site: Site, empty_url: str, tmp_path: Path
) -> None:
    site.report("first")
    with site.node.database.begin() as session:
        session.execute(
            update(Delivery).values(
                state=DeliveryState.SENDING, attempts=1, lease_until=site.node.clock()
            )
        )
    run("backup", str(tmp_path / "backup"))
    site.asked.stored += [row.sop_instance_uid for row in site.node.results()]
    clock = site.node.clock
    site.move(empty_url, "restored")
    run("restore", str(tmp_path / "backup"))
    site.node = site.open()
    site.node.clock.now = clock.now
    site.node.clock.pass_(minutes=1)
    site.node.sweep()

    site.deliver()

    assert len(site.asked.stored) == 2
    assert ("asked", DeliveryState.CONFIRMED) in site.states()
    assert site.unasked.stored == []
