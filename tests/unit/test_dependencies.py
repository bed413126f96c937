"""Every pin was looked at; nobody who answers is no failure, a known weakness is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dependencies import found, problems

HEAD = "name,version,licence,looked_at\n"


def files(tmp_path: Path, pins: str, review: str) -> list[str]:
    (tmp_path / "pins").write_text(pins)
    (tmp_path / "review").write_text(HEAD + review)
    return problems(tmp_path / "pins", tmp_path / "review")


def test_every_pin_was_looked_at_in_its_version_with_its_licence() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("review", "said"),
    [
        ("", "one: not looked at"),
        ("one,1.0,MIT,2026-11-23\ntwo,1.0,MIT,2026-11-23\n", "two: looked at, and not pinned"),
        ("one,0.9,MIT,2026-11-23\n", "one: 0.9 was looked at, and 1.0 is pinned"),
        ("one,1.0,GPL-3.0-only,2026-11-23\n", "licence GPL-3.0-only is not one of those"),
        ("one,1.0,MIT AND AGPL-3.0,2026-11-23\n", "licence MIT AND AGPL-3.0 is not one of those"),
        ("one,1.0,,2026-11-23\n", "licence  is not one of those"),
        ("one,1.0,MIT,lately\n", "'lately' is no date"),
    ],
)
def test_what_was_not_looked_at_is_said(tmp_path: Path, review: str, said: str) -> None:
    (line,) = files(tmp_path, "one==1.0\n", review)

    assert said in line


def test_a_known_weakness_counts_and_is_named_with_its_remedy() -> None:
    weak = {"id": "PYSEC-1", "fix_versions": ["1.1"]}
    packages = [
        {"name": "one", "version": "1.0", "vulns": [weak]},
        {"name": "two", "version": "1.0", "skip_reason": "not found"},
    ]

    assert found({"dependencies": packages}) == (
        ["one 1.0: PYSEC-1, mended in 1.1"],
        "asked about 1 of 2 packages",
    )


def test_a_service_that_knows_nothing_was_not_asked() -> None:
    packages = [{"name": "one", "version": "1.0", "skip_reason": "not found"}]

    assert found({"dependencies": packages}) == (
        [],
        "not asked: the service knows none of the packages here",
    )
