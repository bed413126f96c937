"""A node is backed up, wrecked and restored: nothing is lost, and nothing is sent twice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from typer.testing import CliRunner

from config.settings import Settings
from node.db import hold, outbox
from node.db.session import Database
from node.db.tables import Delivery, Instance
from node.dispatch.checkpoints import Signer
from node.dispatch.head_export import HeadExport
from node.errors import StopError
from node.states import DeliveryState
from node.store.audit_key import make_key
from tests.committing_pacs import PROFILE, CommittingPacs
from tests.factories import make_mammogram
from tests.working_node import WorkingNode, working_node
from workers.cli import app
from workers.deliver import deliver_results

STUDIES = {"first": "2.25.1", "second": "2.25.2", "third": "2.25.3"}
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Site:
    """A node with two destinations: one that can be asked what it has, one that cannot."""

    def __init__(
        self, folder: Path, url: str, peers: dict[str, CommittingPacs], patch: pytest.MonkeyPatch
    ) -> None:
        self.folder = folder
        self.asked, self.unasked = peers["query"], peers["none"]
        key = folder / "keys" / "audit.pem"
        make_key(key)
        self._groups: dict[str, Any] = {
            "destinations": {
                "asked": self.asked.destination("query"),
                "unasked": self.unasked.destination("none"),
            },
            "profiles": {PROFILE: {"objects": ["measurement_report", "overlay"]}},
            "audit": {"key": key, "head_file": folder / "heads", "checkpoint_events": 1},
        }
        self._patch = patch
        for name in ("key", "head_file"):
            patch.setenv(f"MGNODE_AUDIT__{name.upper()}", str(self._groups["audit"][name]))
        destinations = {
            name: row.model_dump(mode="json", exclude_none=True)
            for name, row in self._groups["destinations"].items()
        }
        patch.setenv("MGNODE_DESTINATIONS", json.dumps(destinations))
        patch.setenv("MGNODE_PROFILES", json.dumps(self._groups["profiles"]))
        self.move(url, "storage")
        self.node = self.open()

    def move(self, url: str, root: str) -> None:
        """Set where the node's database and files are to be."""
        self.url, self.root = url, self.folder / root
        self._patch.setenv("MGNODE_DATABASE__URL", url)
        self._patch.setenv("MGNODE_STORAGE__ROOT", str(self.root))

    def open(self) -> WorkingNode:
        return working_node(self.root, Database(self.url), **self._groups)

    def report(self, name: str) -> None:
        """Let the node receive, analyse and report one image."""
        image = make_mammogram(study_instance_uid=STUDIES[name])
        self.node.report(self.node.complete([image]))

    def deliver(self, *names: str) -> None:
        """Send what dispatch says is due, to these destinations, or to every one."""
        node = self.node
        node.clock.pass_(hours=2)
        with node.database.read() as session:
            held = hold.held_destinations(session, node.runtime.settings)
            due = outbox.deliveries_to_publish(
                session, at=node.clock(), republish=timedelta(seconds=30), held=held
            )
        for name, ids in due.items():
            if not names or name in names:
                deliver_results(node.runtime, ids)

    def sign(self) -> None:
        """Sign the head of the log and export it."""
        settings: Settings = self.node.runtime.settings
        Signer(settings, self.node.database, actor="dispatch").step(at=self.node.clock())
        HeadExport(settings, self.node.database).step()

    def states(self) -> set[tuple[str, DeliveryState]]:
        return {(row.destination, row.state) for row in self.node.deliveries()}

    def close(self) -> None:
        self.node.database.dispose()


@pytest.fixture
def site(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with CommittingPacs() as asked, CommittingPacs() as unasked:
        site = Site(tmp_path, database_url, {"query": asked, "none": unasked}, monkeypatch)
        yield site
        site.close()


@pytest.fixture
def empty_url(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The place of another database."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'restored.db'}"
        return
    server = request.getfixturevalue("postgresql_server")
    name = f"restored_{tmp_path.name}"[:63]
    yield server.create(name)
    server.drop(name)


def run(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


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
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("files", "missing or changed"),
        ("database", "not what was backed up"),
        ("sums", "not what was backed up"),
        ("manifest", "was changed after it was signed"),
        ("unfinished", "not finished"),
    ],
)
def test_a_backup_that_was_changed_is_refused_and_leaves_no_database(
    site: Site, empty_url: str, tmp_path: Path, spoil: str, said: str
) -> None:
    site.report("first")
    backup = tmp_path / "backup"
    run("backup", str(backup), "--copy")
    if spoil == "unfinished":
        (backup / "manifest.json").unlink()
    elif spoil == "manifest":
        text = (backup / "manifest.json").read_text()
        (backup / "manifest.json").write_text(text.replace('"files": 3', '"files": 2'))
    else:
        (image, *_) = sorted((backup / "files" / "instances").rglob("*.dcm"))
        places = {"files": image, "database": backup / "mgnode.sqlite3"}
        path = places.get(spoil, backup / "SHA256SUMS")
        path.write_bytes(path.read_bytes()[:-1] + b"\n\n")
    site.move(empty_url, "restored")

    with pytest.raises(StopError, match=said):
        run("restore", str(backup))

    assert not (tmp_path / "restored.db").exists()


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
def test_a_node_is_never_restored_over_another(site: Site, tmp_path: Path) -> None:
    site.report("first")
    run("backup", str(tmp_path / "backup"))

    with pytest.raises(StopError, match="is not empty"):
        run("restore", str(tmp_path / "backup"))
    site.move(site.url, "elsewhere")
    with pytest.raises(StopError, match="a database already"):
        run("restore", str(tmp_path / "backup"))


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
