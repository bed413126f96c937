"""The page about manifests says what may stand in one."""

from __future__ import annotations

from pathlib import Path

from models.cases.case import DENSITIES, KINDS, PATHOLOGIES, SIDES, SOURCES, VIEWS
from models.cases.manifest_rows import COLUMNS

ROOT = Path(__file__).parents[4]


def test_the_page_names_every_column_and_every_word_that_may_stand_in_it() -> None:
    page = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")

    words = {*COLUMNS, *SIDES, *VIEWS, *DENSITIES, *SOURCES, *KINDS, *PATHOLOGIES} - {""}
    assert {word for word in words if f"`{word}`" not in page} == set()
