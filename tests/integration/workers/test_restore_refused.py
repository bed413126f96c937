"""A backup that is not whole, or a place that is not empty, is refused; nothing is sent from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.db import hold
from node.db.session import Database
from node.errors import StopError
from tests.audit_log import run_as_owner
from tests.restoring import Site, run

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


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


def test_a_backup_whose_log_is_not_whole_is_refused_and_what_is_restored_is_held(
    site: Site, empty_url: str, tmp_path: Path
) -> None:
    site.report("first")
    run_as_owner(site.url, "UPDATE audit_event SET reason = 'another' WHERE id = 2")
    run("backup", str(tmp_path / "backup"))
    site.move(empty_url, "restored")

    with pytest.raises(StopError, match="is not whole"):
        run("restore", str(tmp_path / "backup"))

    aside = ".restoring" if empty_url.startswith("sqlite") else ""
    database = Database(empty_url + aside)
    with database.read() as session:
        assert hold.is_in_force(session)
    database.dispose()
    assert not (tmp_path / "restored.db").exists()


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_that_a_node_uses_is_not_held_by_a_restore_by_hand(
    site: Site, tmp_path: Path
) -> None:
    site.report("first")
    run("backup", str(tmp_path / "backup"))
    site.move(site.url, "elsewhere")

    with pytest.raises(StopError, match="connections of a node are open"):
        run("restore", str(tmp_path / "backup"), "--database-by-hand")

    with site.node.database.read() as session:
        assert not hold.is_in_force(session)


@on_sqlite
def test_a_node_is_never_restored_over_another(site: Site, tmp_path: Path) -> None:
    site.report("first")
    run("backup", str(tmp_path / "backup"))

    with pytest.raises(StopError, match="is not empty"):
        run("restore", str(tmp_path / "backup"))
    site.move(site.url, "elsewhere")
    with pytest.raises(StopError, match="a database already"):
        run("restore", str(tmp_path / "backup"))
