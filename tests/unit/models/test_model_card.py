"""docs/model.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from models.registry import published
from models.registry.cards import CARDS, PARTS
from models.spec import SPECS

CARD = (Path(__file__).resolve().parents[3] / "docs/model.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(SPECS))
def test_the_card_has_every_model(name: str) -> None:
    assert f"\n- `{name}`" in CARD


def test_the_card_gives_the_operating_point_in_force() -> None:
    spec = SPECS["ueda2022"]

    assert f"threshold is {spec.score_threshold:g} " in CARD
    assert f"at most {spec.max_boxes} boxes an image" in CARD


def test_the_card_gives_the_published_filter() -> None:
    spec = SPECS["ueda2022"]

    assert f"scores above {spec.score_floor:g}, " in CARD
    assert f"at most {spec.max_detections}." in CARD
    assert spec.iou_limit == 0.5
    assert "more than half (IoU)" in CARD


def test_the_card_says_that_it_is_not_for_diagnosis() -> None:
    assert "Not a medical device, and not for diagnosis" in CARD.split("##")[0]


def test_the_card_gives_the_published_answer_that_verify_requires() -> None:
    x0, y0, x1, y1 = published.CORNERS
    low, high = published.SCORES

    assert f"({x0}, {y0})-({x1}, {y1})" in CARD
    assert f"score from {low} to {high}" in CARD
    assert f"no other box\nat {published.THRESHOLD} or above" in CARD


def test_the_card_says_where_the_published_files_are() -> None:
    assert published.RELEASE_PAGE in CARD
    assert published.FILE in CARD
    assert "/".join(published.PICTURE_URL.split("/")[-2:]) in CARD


@pytest.mark.parametrize("part", PARTS)
def test_the_card_names_each_part_of_a_card(part: str) -> None:
    assert f"`{part}`" in CARD
    assert all(card[part] for card in CARDS.values())


def test_the_registered_card_has_the_figures_of_the_page() -> None:
    """`mgnode model info` and the page speak of the same measurements."""
    figures = CARDS["ueda2022"]["figures"]

    ranges = [found for text in figures.values() for found in re.findall(r"\d\.\d\d \(.*\)", text)]
    assert len(ranges) == 6
    assert all(text in CARD for text in ranges)
    assert "sensitivity 1.00\nat 0.47 false marks" in CARD
