from __future__ import annotations

import sqlite3

import pytest
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from node.errors import (
    ConflictingInstance,
    IdentityConflict,
    MismatchedDataSet,
    NodeError,
    OutOfResources,
    StateConflict,
    UnreadableDataSet,
)
from node.scp.status import Status, response, status_of

# Our own copy of PS3.4 Table B.2-1: by class of exception, the range of the status.
EXPECTED = [
    (OutOfResources("x"), 0xA700, 0xA7FF),
    (OSError(28, "No space left on device"), 0xA700, 0xA7FF),
    (PermissionError("x"), 0xA700, 0xA7FF),
    (MismatchedDataSet("x"), 0xA900, 0xA9FF),
    (UnreadableDataSet("x"), 0xC000, 0xCFFF),
    (ConflictingInstance("1.2.3"), 0xC000, 0xCFFF),
    (StateConflict("x"), 0x0110, 0x0110),
    (IdentityConflict("x"), 0x0110, 0x0110),
    (NodeError("x"), 0x0110, 0x0110),
    (ValueError("x"), 0x0110, 0x0110),
    (sqlite3.DatabaseError("x"), 0x0110, 0x0110),
]


@pytest.mark.parametrize(
    ("error", "first", "last"), EXPECTED, ids=[type(row[0]).__name__ for row in EXPECTED]
)
def test_each_class_of_error_has_its_range(error: Exception, first: int, last: int) -> None:
    assert first <= status_of(error) <= last


def test_a_conflict_is_told_apart_from_unreadable_bytes() -> None:
    assert status_of(ConflictingInstance("1.2.3")) != status_of(UnreadableDataSet("x"))


@pytest.mark.parametrize("status", Status)
def test_every_status_is_one_a_storage_scu_knows(status: Status) -> None:
    # 0x0110 is general (PS3.7 Annex C), the others are the Storage Service Class's own.
    assert status == 0x0110 or int(status) in STORAGE_SERVICE_CLASS_STATUS


def test_success_has_no_comment() -> None:
    answer = response(None)

    assert answer.Status == 0x0000
    assert "ErrorComment" not in answer


@pytest.mark.parametrize(
    "text", ["short", "x" * 500, "日本語", "back\\slash", "new\nline", "\0", ""]
)
def test_a_comment_is_one_short_line_of_ascii(text: str) -> None:
    comment = response(UnreadableDataSet(text)).ErrorComment

    assert len(comment) <= 64
    assert comment.isascii()
    assert "\\" not in comment
    assert "\n" not in comment


@pytest.mark.parametrize("error", [OSError(2, "no such file", "/srv/secret/path"), ValueError("v")])
def test_the_texts_of_the_system_stay_inside(error: Exception) -> None:
    comment = response(error).ErrorComment

    assert "secret" not in comment
    assert comment not in ("", "v")
