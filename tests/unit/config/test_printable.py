from __future__ import annotations

import json

import pytest

from config.printable import printable, printable_json
from tests.hostile_text import ESCAPES


@pytest.mark.parametrize("text", ESCAPES.values(), ids=ESCAPES)
def test_what_steers_a_terminal_is_written_out(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(text).encode().decode("unicode_escape") == text


@pytest.mark.parametrize("text", ["", "MODALITY 1", "乳房 é", "a 'quoted' \\ text"])
def test_what_can_be_seen_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("text", [*ESCAPES.values(), "\U000e0001tag"])
def test_json_means_the_same_when_its_characters_are_written_out(text: str) -> None:
    written = json.dumps({text: [text]}, indent=2, ensure_ascii=False)

    assert json.loads(printable_json(written)) == {text: [text]}
    assert printable_json(written).replace("\n", "").isprintable()
