"""Model cards, and the sentence of them that goes into every result."""

from __future__ import annotations

import pytest

from models.registry.cards import (
    CARDS,
    LONGEST_STATEMENT,
    check_card,
    imported_card,
    statement_of,
    variant,
)
from models.spec import SPECS
from node.dicom.plain_text import LO_LENGTH, plain


@pytest.mark.parametrize("card", [*CARDS.values(), imported_card("ueda2022")])
def test_every_card_of_ours_is_whole_and_not_for_diagnosis(card: dict[str, object]) -> None:
    check_card(card)

    assert "ot for diagnosis" in str(card["intended_use"])


def test_every_known_model_has_a_card() -> None:
    assert set(CARDS) == set(SPECS)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ("Of Brüste.", "Use. Of Br?ste."),
        ("a\\b\n  c", "Use. a/b c"),
        ("word " * 100, None),
    ],
)
def test_a_statement_fits_every_character_set_and_length(limits: str, words: str | None) -> None:
    statement = statement_of({"intended_use": "Use.", "limits": limits})

    assert statement == words or words is None
    assert len(statement) <= LONGEST_STATEMENT
    assert plain(statement) == statement
    assert words is not None or statement.endswith("word ...")


@pytest.mark.parametrize("model", sorted(SPECS))
def test_the_longest_name_still_gives_a_title_that_results_can_hold(model: str) -> None:
    spec = variant(SPECS[model], "x" * 32)

    assert spec.name == "x" * 32
    assert model in spec.title
    assert len(spec.title) <= LO_LENGTH
