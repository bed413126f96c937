"""The privileges of the processes' role, as the code has them."""

from __future__ import annotations

import pytest

from node.db.declarative import Base
from node.db.grants import PRIVILEGES, grants
from node.errors import StopError

APPEND_ONLY = {"audit_event", "audit_checkpoint"}


def test_every_table_has_its_privileges_and_no_other_is_named() -> None:
    assert set(PRIVILEGES) == {*Base.metadata.tables, "alembic_version"}


def test_no_row_of_any_table_can_be_deleted() -> None:
    given = {privilege for privileges in PRIVILEGES.values() for privilege in privileges}

    assert given == {"SELECT", "INSERT", "UPDATE"}


def test_the_audit_log_and_its_checkpoints_can_be_read_and_continued_alone() -> None:
    assert {PRIVILEGES[table] for table in APPEND_ONLY} == {("SELECT", "INSERT")}


@pytest.mark.parametrize(
    "role", ["", "mgnode app", "app; DROP TABLE study", 'a"b', "Mgnode", "a" * 64, "rôle"]
)
def test_a_name_that_would_have_to_be_quoted_is_refused(role: str) -> None:
    with pytest.raises(StopError, match="small letters"):
        list(grants(role))
