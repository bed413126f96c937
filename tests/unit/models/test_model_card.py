"""docs/model.md says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import DetectorSettings
from models.spec import SPECS

CARD = (Path(__file__).resolve().parents[3] / "docs/model.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(SPECS))
def test_the_card_has_every_model(name: str) -> None:
    assert f"\n- `{name}`" in CARD


def test_the_card_gives_the_operating_point_in_force() -> None:
    settings = DetectorSettings()

    assert f"`detector.score_threshold` is {settings.score_threshold:g} " in CARD
    assert f"`detector.max_boxes` is {settings.max_boxes}." in CARD


def test_the_card_gives_the_published_filter() -> None:
    spec = SPECS["ueda2022"]

    assert f"scores above {spec.score_floor:g}, " in CARD
    assert f"at most {spec.max_detections}." in CARD
    assert spec.iou_limit == 0.5
    assert "more than half (IoU)" in CARD


def test_the_card_says_that_it_is_not_for_diagnosis() -> None:
    assert "Not a medical device, and not for diagnosis" in CARD.split("##")[0]
