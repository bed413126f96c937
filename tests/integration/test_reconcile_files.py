"""Rows are compared with files and files with rows; each discrepancy is told once."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from config.sending import Destination
from node.db import discrepancies
from node.db.session import Database
from node.db.tables import Instance, Result
from node.store.claim_sheet import ClaimSheet
from node.store.files import commit_file
from node.store.spool import Spool
from tests.factories import four_view_study, make_mammogram
from tests.reconciling import compare, grow_old, open_rows, orphan, reconciler, told
from tests.working_node import WorkingNode, working_node


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    return working_node(
        tmp_path / "storage",
        database,
        destinations={"pacs": Destination(ae_title="PACS", host="127.0.0.1", port=104)},
    )


def test_a_whole_node_at_work_has_no_discrepancy(node: WorkingNode) -> None:
    node.report(node.complete(four_view_study()))

    assert compare(node) == {}
    assert told(node) == []


@pytest.mark.parametrize(
    ("harm", "kind"),
    [
        pytest.param(Path.unlink, "FILE_MISSING", id="missing"),
        pytest.param(lambda path: path.write_bytes(b""), "FILE_WRONG_SIZE", id="shortened"),
    ],
)
@pytest.mark.parametrize("of_result", [False, True], ids=["image", "result"])
def test_a_file_that_is_not_as_its_row_says_is_told_once_and_resolved_when_it_is_back(
    node: WorkingNode, of_result: bool, harm: object, kind: str
) -> None:
    node.report(node.complete(four_view_study()))
    row = node.results()[0] if of_result else node.instance(1)
    path = node.layout.absolute(row.path)
    content = path.read_bytes()

    assert callable(harm)
    harm(path)
    assert [compare(node), compare(node)] == [{kind: 1}] * 2
    assert open_rows(node) == [(kind, row.path)]
    path.write_bytes(content)
    assert compare(node) == {}

    assert told(node) == [
        ("discrepancy_found", kind, None),
        ("discrepancy_resolved", kind, "WELL_AGAIN"),
    ]
    assert node.audit_problem() is None


def test_a_file_that_retention_removed_is_no_discrepancy(node: WorkingNode) -> None:
    (image,) = node.receive([make_mammogram()])
    node.layout.absolute(node.instance(image).path).unlink()
    with node.database.begin() as session:
        session.get_one(Instance, image).removed_at = node.clock()

    assert compare(node) == {}


@pytest.mark.parametrize("of_result", [False, True], ids=["image", "result"])
def test_a_file_with_one_other_byte_is_found_by_its_checksum(
    node: WorkingNode, of_result: bool
) -> None:
    node.report(node.complete(four_view_study()))
    compared = reconciler(node)._files
    kind: type[Instance | Result] = Result if of_result else Instance
    row = node.results()[0] if of_result else node.instance(1)
    well = compared.checksum(kind, after=0, at=node.clock())
    content = bytearray(node.layout.absolute(row.path).read_bytes())
    content[-1] ^= 1
    node.layout.absolute(row.path).write_bytes(content)

    assert compared.checksum(kind, after=0, at=node.clock()) == well == (row.id, row.bytes)
    assert compare(node) == {"FILE_DAMAGED": 1}
    content[-1] ^= 1
    node.layout.absolute(row.path).write_bytes(content)
    assert compare(node) == {}


def test_a_file_without_a_row_is_left_named_and_quarantined_by_its_age(node: WorkingNode) -> None:
    path = orphan(node, days=0.5)
    fresh = compare(node), path.exists()
    grow_old(path, 2)
    named = compare(node), path.exists()
    grow_old(path, 8)
    moved = compare(node), path.exists()

    assert fresh == ({}, True)
    assert named == ({"FILE_WITHOUT_ROW": 1}, True)
    assert moved == ({}, False)
    assert (node.layout.quarantine / "orphan-orphan.dcm").read_bytes() == b"an image"
    assert told(node) == [
        ("discrepancy_found", "FILE_WITHOUT_ROW", None),
        ("discrepancy_resolved", "FILE_WITHOUT_ROW", "QUARANTINED"),
    ]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_without_a_row_is_removed_or_kept_as_the_settings_say(node: WorkingNode) -> None:
    path = orphan(node, "results/ab/orphan.dcm")

    assert compare(node.with_settings(reconcile={"orphans": "keep"})) == {"FILE_WITHOUT_ROW": 1}
    assert path.exists()
    assert compare(node.with_settings(reconcile={"orphans": "remove"})) == {}
    assert not path.exists()
    assert list(node.layout.quarantine.iterdir()) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_orphan_that_a_sender_brings_again_is_new_again(node: WorkingNode) -> None:
    path = orphan(node)
    again = node.layout.spool / "again"
    again.write_bytes(b"an image")

    commit_file(again, path, sha256=sha256(b"an image").hexdigest())

    assert compare(node) == {}
    assert path.exists()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_orphan_whose_row_comes_back_is_put_back_from_the_quarantine(node: WorkingNode) -> None:
    """As when an older backup of the database was restored, and then the right one."""
    (image,) = node.receive([make_mammogram()])
    row = node.instance(image)
    path = node.layout.absolute(row.path)
    content = path.read_bytes()
    path.rename(node.layout.quarantine / f"orphan-{path.name}")

    assert compare(node) == {}
    assert path.read_bytes() == content
    assert told(node)[-1] == ("discrepancy_resolved", "FILE_MISSING", "RESTORED")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_dead_processes_were_writing_is_removed_and_the_living_keep_theirs(
    node: WorkingNode,
) -> None:
    half = orphan(node, "results/ab/.name.dcm.0123456789abcdef.part")
    with Spool(node.layout.spool, "living") as spool:
        living = spool.new_file()
        grow_old(living.path, 8)
        dead = node.layout.spool / "dead" / "half.part"
        dead.parent.mkdir()
        dead.write_bytes(b"half")
        grow_old(dead, 8)

        assert compare(node) == {}
        assert living.path.exists()
        living.discard()
    assert not half.exists()
    assert not dead.exists()
    subjects = {event.details["subject"] for event in node.events("discrepancy_resolved")}
    assert subjects == {"spool/dead", "results/ab/.name.dcm.0123456789abcdef.part"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_storage_that_is_away_is_one_discrepancy_and_not_one_a_file(node: WorkingNode) -> None:
    node.receive(four_view_study())
    node.layout.instances.rename(node.layout.root / "elsewhere")

    assert compare(node) == {"STORAGE_AWAY": 1}
    (node.layout.root / "elsewhere").rename(node.layout.instances)
    assert compare(node) == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_more_of_a_kind_than_may_be_open_are_one_row(
    node: WorkingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discrepancies, "MOST_OPEN", 2)
    ids = node.receive(four_view_study())
    paths = [node.layout.absolute(node.instance(each).path) for each in ids]
    for path in paths:
        path.rename(path.with_suffix(".away"))

    assert compare(node) == {"FILE_MISSING": 2, "MORE_OF_A_KIND": 1}
    for path in paths:
        path.with_suffix(".away").rename(path)
    assert [compare(node), compare(node)][-1] == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_slices_come_to_every_row_and_file(node: WorkingNode) -> None:
    sliced = node.with_settings(reconcile={"items_per_second": 1})
    ids = node.receive(four_view_study())
    node.layout.absolute(node.instance(ids[-1]).path).unlink()
    orphan(node, days=2)
    compared = reconciler(sliced)

    for _ in range(20):
        compared.slice()

    assert {kind for kind, _ in open_rows(node)} == {"FILE_MISSING", "FILE_WITHOUT_ROW"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_claim_sheets_of_hosts_that_are_no_more_go_after_a_day(node: WorkingNode) -> None:
    living = ClaimSheet(node.layout.run, "worker@host:1")
    old, fresh = (living.path.with_name(f"worker@gone:{n}.ab.sheet") for n in (1, 2))
    for path, days in ((living.path, 2), (old, 2), (fresh, 0.5)):
        path.touch()
        grow_old(path, days)

    compare(node)

    assert [living.path.exists(), old.exists(), fresh.exists()] == [True, False, True]
    living.close()
