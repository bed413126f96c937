"""Stored detections come back to the last bit, or the file is refused."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.detections import ImageDetections, ScoredBox
from models.evaluation.errors import EvaluationError
from models.evaluation.stored import (
    ModelFacts,
    Stored,
    detections_table,
    read_detections,
    write_detections,
)

MODEL = ModelFacts("tiny", "Small network", "1+abc", "ab" * 32, "Not for diagnosis.", 0.3, 0.05)

numbers = st.floats(0, 5000)
images = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.builds(
        ImageDetections,
        st.integers(1, 5000),
        st.integers(1, 5000),
        st.lists(
            st.builds(ScoredBox, numbers, numbers, numbers, numbers, st.floats(0, 1)), max_size=3
        ).map(tuple),
    ),
    max_size=3,
)


@given(images)
def test_what_was_written_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, images: dict[str, ImageDetections]
) -> None:
    path = tmp_path_factory.mktemp("stored") / "detections.json"
    stored = Stored(MODEL, images)

    write_detections(path, stored)

    assert read_detections(path) == stored


GOOD = Stored(
    MODEL,
    {
        "a.png": ImageDetections(
            9, 7, (ScoredBox(1, 2, 3, 4, 0.25), ScoredBox(0, 2.5, 3, 4, 0.75))
        ),
        'b,"c".png': ImageDetections(5, 3),
    },
)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda text: text[:-40], "is no JSON"),
        (lambda _: "[1, 2]", "holds no detections of mgnode"),
        (lambda text: text.replace("detections 1", "detections 9"), "holds no detections"),
        (lambda text: text.replace('"version"', '"versions"'), "is damaged"),
        (lambda text: text.replace('"rows": 9, ', ""), "is damaged"),
        (lambda text: text.replace('"rows": 9', '"rows": 0'), "has no size"),
        (lambda text: text.replace("0.25", "NaN"), "is not a number"),
        (lambda text: text.replace("0.25", '"high"'), "is damaged"),
        (lambda text: text.replace("3, 4", "4"), "is damaged"),
    ],
)
def test_a_damaged_file_is_refused_with_what_is_wrong(
    tmp_path: Path, damage: object, expected: str
) -> None:
    path = tmp_path / "detections.json"
    write_detections(path, GOOD)
    damaged = damage(path.read_text())  # type: ignore[operator]
    path.write_text(damaged)

    with pytest.raises(EvaluationError, match=expected):
        read_detections(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"none\.json cannot be read: No such file"):
        read_detections(tmp_path / "none.json")


def test_the_table_has_the_boxes_by_falling_score_and_each_image_once_at_least() -> None:
    rows = list(csv.reader(io.StringIO(detections_table(GOOD.images))))

    assert rows == [
        ["image", "rows", "columns", "rank", "score", "x0", "y0", "x1", "y1"],
        ["a.png", "9", "7", "1", "0.75", "0", "2.5", "3", "4"],
        ["a.png", "9", "7", "2", "0.25", "1", "2", "3", "4"],
        ['b,"c".png', "5", "3", "", "", "", "", "", ""],
    ]


def test_the_same_detections_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_detections(tmp_path / name, replace(GOOD))

    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]
